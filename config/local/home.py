"""STEPWELL_HOME: where the runner keeps all its state, and who may go there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.local.account import Account
from config.local.errors import RunnerError

PROJECT = Path(__file__).resolve().parents[2]
MACHINE = Path("/var/lib/stepwell")
# A Unix socket's address holds 107 bytes; the longest name below a socket directory is this one.
LONGEST_SOCKET = len("/postgres/.s.PGSQL.5432")


@dataclass(frozen=True)
class Home:
    root: Path
    sockets: Path
    postgres: Path
    postgres_account: Account | None

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"

    def file(self, name: str) -> Path:
        return self.root / name


def configured() -> Path:
    """The directory named by STEPWELL_HOME, else `.stepwell` in the project."""
    return Path(os.environ.get("STEPWELL_HOME") or PROJECT / ".stepwell").absolute()


def create(root: Path, account: Account | None) -> Home:
    """Make the directory and what belongs in it; only its owner can read it.

    Run as root, it can be stepped through (not listed), so that Postgres's account reaches its
    own part.
    """
    _directory(root, 0o711 if account else 0o700)
    _directory(root / "logs", 0o700)
    return Home(root, _sockets(root, account), _postgres(root, account), account)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the directory for this process; the kernel lets go of it however the process ends."""
    with (root / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunnerError(
                f"Stepwell already runs from {root}. Stop it first, or start another beside it: "
                "make run STEPWELL_HOME=/another/directory PORT=8001"
            ) from None
        yield


def is_locked(root: Path) -> bool:
    """Whether a runner serves from this directory now."""
    try:
        with locked(root):
            return False
    except RunnerError:
        return True


def remove_sockets(home: Home) -> None:
    """Leave nothing in the system's temporary directory once the servers have stopped."""
    if not home.sockets.is_relative_to(home.root):
        shutil.rmtree(home.sockets, ignore_errors=True)


def is_reachable(path: Path) -> bool:
    """Whether every account may step through this directory and all above it."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def _directory(path: Path, mode: int, owner: Account | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if owner:
        os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)


def _postgres(root: Path, account: Account | None) -> Path:
    """The place of the database: in the home, unless Postgres's account can not get there.

    Then the home holds a link to a directory of the machine. The permissions of the directories
    above the home are never changed.
    """
    place = root / "postgres"
    if account is None or is_reachable(root):
        _directory(place, 0o711 if account else 0o700)
        return place
    if not place.exists():
        _directory(MACHINE, 0o755)
        place.unlink(missing_ok=True)
        place.symlink_to(tempfile.mkdtemp(prefix=f"{root.name.lstrip('.')}-", dir=MACHINE))
    _directory(place.resolve(), 0o711)
    if not is_reachable(place.resolve()):
        raise RunnerError(
            f"Postgres, run as {account.name}, can no longer reach its data in {place.resolve()}. "
            "Let every account step through the directories above it (chmod o+x)."
        )
    return place.resolve()


def _sockets(root: Path, account: Account | None) -> Path:
    """A directory only we can enter, with a path short enough for a socket's address."""
    directory = root / "run"
    too_long = len(os.fsencode(directory)) + LONGEST_SOCKET > 107
    if too_long or (account and not is_reachable(root)):
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        directory = Path(tempfile.gettempdir()) / f"stepwell-{os.geteuid()}-{name}"
        _refuse_a_stranger(directory)
    _directory(directory, 0o711 if account else 0o700)
    _directory(directory / "postgres", 0o700, account)
    return directory


def _refuse_a_stranger(directory: Path) -> None:
    """The system's temporary directory is open to all: take only a directory that is ours."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise RunnerError(f"{directory} belongs to somebody else. Remove it, or set TMPDIR.")
