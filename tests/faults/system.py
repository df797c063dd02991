"""The system under test, and everything that can be done to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import redis
from django.db import connection
from psycopg.rows import class_row

from config.local import orphans, roles
from config.local.postgres import Postgres
from config.local.processes import Command
from config.local.valkey import Valkey
from tests.faults.waiting import wait
from tests.production import Production

PROCESSES = ("target", "web", "workers")  # no run needs daphne or beat
HELD = """
SELECT s.execution_id AS execution, s.key AS step, s.fence
FROM executions_steprun s JOIN executions_worker w ON w.id = s.worker_id
WHERE s.status = 'running' AND w.name LIKE %s AND w.seen_at > now() - interval '1 minute'
"""
ENTERED = """
SELECT count(*) FROM executions_worker
WHERE split_part(name, ':', 2)::int = ANY(%s) AND seen_at > now() - interval '5 seconds'
"""


@dataclass(frozen=True)
class Lease:
    """A step in a worker process's hands."""

    execution: UUID
    step: str
    fence: int


class System(Production):
    """gunicorn, two worker processes under their parent, Postgres, Valkey and the receiver."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """The processes get these variables beside our own."""
        self.calls = Path(os.environ["STEPWELL_HOME"]) / "calls"
        super().__init__("tests.faults.receiver", str(self.calls))
        self.postgres, self.valkey = Postgres.of(self.place), Valkey.of(self.place)
        self._environment = {**os.environ, **environment}

    def start(self) -> None:
        """Start all and wait until they work."""
        self.start_all(self._commands({})[name] for name in PROCESSES)
        self.wait_ready(self.ports.web)
        self.wait_entered()

    def close(self) -> None:
        for name in ("workers", "web"):  # while the servers that they need are there
            if name in self._children:
                self._children[name].stop()
        super().close()

    def heal(self) -> None:
        """After a fault that went wrong: start again whatever is not as it should be."""
        connection.close()
        if not orphans.servers_in(self.postgres.data, "postgres"):
            self.start_postgres()
        for pid in orphans.servers_in(self.valkey.data, "valkey-server"):
            os.kill(pid, signal.SIGCONT)
        if not orphans.servers_in(self.valkey.data, "valkey-server"):
            self.start_valkey()
        if "web" not in self._children:
            self.start_web()
        elif not self._is_up("web"):
            self.restart_web()
        if not self._is_up("workers"):
            self.start_workers()
        self.wait_entered()

    def _is_up(self, name: str) -> bool:
        return name in self._children and self._children[name].ended() is None

    # --- Workers and web ------------------------------------------------------------------------
    def workers(self) -> list[int]:
        """The process ids of those that run steps; their parent replaces one that dies."""
        parent = psutil.Process(self._children["workers"].pid)
        children = parent.children()
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def held(self, pid: int) -> list[Lease]:
        """What a worker process has leased."""
        with self.superuser() as db, db.cursor(row_factory=class_row(Lease)) as cursor:
            return cursor.execute(HELD, [f"%:{pid}"]).fetchall()

    def kill_worker(self, pid: int) -> list[Lease]:
        """kill -9; returns what it had in its hands. It is stopped first, so that this is true."""
        os.kill(pid, signal.SIGSTOP)
        try:
            return self.held(pid)
        finally:
            os.kill(pid, signal.SIGKILL)

    def kill_workers(self) -> list[Lease]:
        """kill -9 of the parent and its children at once; returns what they had in their hands."""
        pids = self.workers()
        group = self._children["workers"].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            return [lease for pid in pids for lease in self.held(pid)]
        finally:
            os.killpg(group, signal.SIGKILL)
            self._children.pop("workers").stop()

    def stop_workers(self) -> None:
        """As a deployment does: what is in hand is finished."""
        self._children.pop("workers").stop()

    def start_workers(self, **environment: str) -> None:
        """Start them, with these variables beside the usual ones, and wait until they claim."""
        self._start("workers", environment)
        self.wait_entered()

    def web_workers(self) -> list[int]:
        """The process ids of those that answer requests; their parent replaces one that dies."""
        return [child.pid for child in psutil.Process(self._children["web"].pid).children()]

    def kill_web(self) -> None:
        """kill -9 of the parent and its children at once."""
        os.killpg(self._children["web"].pid, signal.SIGKILL)
        self._children.pop("web").stop()

    def start_web(self) -> None:
        self._start("web", {})
        self.wait_ready(self.ports.web)

    def restart_web(self, **environment: str) -> None:
        self._children["web"].stop()
        self._start("web", environment)
        self.wait_ready(self.ports.web)

    def _start(self, name: str, environment: dict[str, str]) -> None:
        self.start_all([self._commands(environment)[name]])

    def _commands(self, environment: Mapping[str, str]) -> dict[str, Command]:
        """Workers without beat, which no run needs: each of their children is one that claims."""
        commands = self.commands({**self._environment, **environment})
        workers = commands["workers"]
        argv = tuple(argument for argument in workers.argv if argument != "--beat")
        return {**commands, "workers": replace(workers, argv=argv)}

    def wait_entered(self) -> None:
        """Wait until both worker processes claim."""
        wait("two worker processes", self._are_entered)

    def _are_entered(self) -> bool:
        pids = self.workers()
        return len(pids) == 2 and self.scalar(ENTERED, [pids]) == 2

    # --- Postgres -------------------------------------------------------------------------------
    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection above row-level security."""
        return self.postgres.connect(roles.DATABASE)

    def scalar(self, statement: str, values: list[object] | None = None) -> object:
        """The first column of the first row, as the superuser."""
        with self.superuser() as db:
            row = db.execute(statement.encode(), values).fetchone()
            return row[0] if row else None

    def crash_postgres(self) -> None:
        """As `pg_ctl stop -m immediate`: nothing is written, nobody is waited for."""
        postmaster = (self.postgres.data / "postmaster.pid").read_text().split()[0]
        os.kill(int(postmaster), signal.SIGQUIT)
        data = self.postgres.data
        wait("Postgres to be gone", lambda: not orphans.servers_in(data, "postgres"))

    def start_postgres(self) -> None:
        self.postgres.wait_ready(self._supervisor.start(self.postgres.command()))
        connection.close()

    def url_by(self, sockets: Path) -> str:
        """The app's address of the database, were Postgres's socket in that directory."""
        return replace(self.postgres, sockets=sockets).url(roles.APP, roles.DATABASE)

    # --- Valkey ---------------------------------------------------------------------------------
    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url())

    def signal_valkey(self, number: signal.Signals) -> None:
        for pid in orphans.servers_in(self.valkey.data, "valkey-server"):
            os.kill(pid, number)

    def kill_valkey(self) -> None:
        """kill -9, and everything that it kept is gone."""
        self.signal_valkey(signal.SIGKILL)
        data = self.valkey.data
        wait("Valkey to be gone", lambda: not orphans.servers_in(data, "valkey-server"))
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(data)

    def start_valkey(self) -> None:
        self.valkey.wait_ready(self._supervisor.start(self.valkey.command()))
