"""Servers that outlived their runner: found by their data directory, and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from config.local.errors import RunnerError

PROCESSES = Path("/proc")
PATIENCE = 60.0  # seconds; a shutdown writes everything to disk


def servers_in(directory: Path, program: str) -> list[int]:
    """The process ids of `program` whose working directory is `directory`.

    Postgres and Valkey both change into their data directory. A number read from a pid file may
    belong to anybody by now; this can not. Without /proc the answer is empty, and the servers'
    own checks of their pid files remain.
    """
    found = []
    for entry in PROCESSES.glob("[0-9]*"):
        try:
            at_home = (entry / "cwd").readlink() == directory
            if at_home and (entry / "comm").read_text().strip() == program:
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile, or it is another user's
            continue
    return found


def stop(directory: Path, program: str, stop_signal: signal.Signals) -> None:
    """Stop every `program` in `directory` and wait until it is gone."""
    deadline = time.monotonic() + PATIENCE
    for pid in servers_in(directory, program):
        _signal(pid, stop_signal)
    while left := servers_in(directory, program):
        if time.monotonic() > deadline:
            raise RunnerError(
                f"{program} (process {left[0]}) still uses {directory}. End it first."
            )
        time.sleep(0.05)


def _signal(pid: int, stop_signal: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
