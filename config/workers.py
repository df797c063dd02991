"""Worker processes from one parent, which imports everything first: they share its memory.

    python -m config.workers --processes 2 --beat

Each child is a plain Celery worker; with `--beat` there is also Celery's beat. One that dies is
replaced; SIGTERM and SIGINT let the steps in hand end. If the parent is killed they end too.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import django

from config.celery import app

PR_SET_PDEATHSIG = 1  # linux/prctl.h
# A flood of webhooks is taken in first; what is stored can wait for its turn. Not more: in a flood
# a tenth of the usual share must still let every worker say in time that it lives.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")
PAUSE_SECONDS = 1.0  # before a child that died is replaced
Program = Callable[[], None]
# Workers do not talk to each other: what one must know of another is in Postgres.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class Parent:
    """Keeps a child for each program alive until it is told to stop."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._children: dict[int, Program] = {}  # by pid
        self._missing = list(programs)
        self._stopping = False

    def run(self) -> None:
        """Fork, wait, replace; returns when the last child has ended after a signal to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while self._children or not self._stopping:
            while self._missing and not self._stopping:
                self._fork(self._missing.pop())
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                continue
            self._missing.append(self._children.pop(pid))
            if not self._stopping:
                time.sleep(PAUSE_SECONDS)

    def _fork(self, program: Program) -> None:
        parent = os.getpid()
        # A signal that comes in between is held back until each side knows what it is.
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        pid = os.fork()
        if pid:
            self._children[pid] = program
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            return
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        _end_with(parent)
        program()
        sys.exit(0)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)


def give_way() -> None:
    """Let web and Postgres go first.

    A Linux that groups by session (sched(7), autogroup) weighs niceness only within a session, and
    a session against others by a niceness of its own. A container is weighed as one, by its shares
    (docker/compose.yml).
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():  # a session that we lead, not that of somebody's terminal
        with contextlib.suppress(OSError):  # no such grouping here
            AUTOGROUP.write_text(str(NICENESS))


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it died before we asked
            sys.exit(0)


def _work(number: int) -> None:
    # Celery's threads only hear wake-ups; steps run on threads of our own (executions/process.py).
    pool = ("--pool", "threads", "--concurrency", "2")
    name = ("--hostname", f"worker-{number}@%h")
    app.worker_main(["worker", *name, "--queues", "wake", *pool, *ALONE])


def _beat() -> None:
    app.Beat(quiet=True, loglevel="WARNING").run()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m config.workers", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="workers (2)")
    parser.add_argument("--beat", action="store_true", help="one more process: Celery's beat")
    given = parser.parse_args(arguments)
    django.setup()
    app.loader.import_default_modules()
    app.finalize()
    gc.collect()
    gc.freeze()  # what is never collected is never written to, so it stays shared
    give_way()
    programs: list[Program] = [partial(_work, number) for number in range(1, given.processes + 1)]
    Parent([*programs, _beat] if given.beat else programs).run()


if __name__ == "__main__":
    main()
