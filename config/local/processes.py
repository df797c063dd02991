"""Child processes: started apart from the terminal, watched, restarted, and always stopped."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from config.local.account import Account

FIRST_DELAY = 0.5  # seconds before a child that ended is started again; doubles each time
LAST_DELAY = 30.0
SETTLED = 30.0  # seconds after which a child counts as healthy again
LOG_LIMIT = 5_000_000  # bytes; a longer log is set aside at the next start
PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """How to start one child, and how to stop it."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path | None  # None: the terminal
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 10.0  # seconds between the stop signal and SIGKILL
    account: Account | None = None  # None: ours
    fds: tuple[int, ...] = ()
    prepare: Callable[[], None] = field(default=lambda: None)  # before each start


class Child:
    """One running command."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.started = time.monotonic()
        command.prepare()
        with _output(command.log) as output:
            self._process = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=dict(command.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                user=command.account.uid if command.account else None,
                group=command.account.gid if command.account else None,
                extra_groups=[] if command.account else None,
                pass_fds=command.fds,
                preexec_fn=_end_with_parent(command.stop_signal),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        if self.ended() is None:
            self._process.send_signal(self.command.stop_signal)

    def stop(self) -> None:
        """Ask, wait as long as the command allows, then kill it and what it started."""
        self.ask_to_stop()
        try:
            self._process.wait(self.command.patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _kill_group(self.pid)


class Supervisor:
    """Some children that live and end together."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: dict[str, Child] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, command: Command) -> Child:
        child = self._children[command.name] = Child(command)
        return child

    def mind(self) -> None:
        """Start again what has ended, each time after a longer pause."""
        now = time.monotonic()
        for name, child in list(self._children.items()):
            status = child.ended()
            if status is None:
                continue
            if name not in self._due:
                self._schedule(child, status, now)
            elif now >= self._due[name]:
                del self._due[name]
                self.start(child.command)

    def stop(self) -> None:
        """Stop all: ask the newest first, then wait for each. A second call does nothing."""
        children = list(reversed(self._children.values()))
        self._children.clear()
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()

    def _schedule(self, child: Child, status: int, now: float) -> None:
        name = child.command.name
        healthy = now - child.started > SETTLED
        delay = FIRST_DELAY if healthy else self._delays.get(name, FIRST_DELAY)
        self._delays[name] = min(delay * 2, LAST_DELAY)
        self._due[name] = now + delay
        self._say(f"{name} ended ({_reason(status)}); starting it again in {delay:g} s")


def _reason(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _end_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """For the child, before it becomes its program: be told when the runner dies, even by -9."""
    parent = os.getpid()

    def ask_the_kernel() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing left in it
        os.killpg(leader, signal.SIGKILL)


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[int | None]:
    if log is None:
        yield None
        return
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
