"""What processes use, from /proc: CPU time and memory, by role."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 2.0  # a look at fifty processes costs 60 ms of CPU

Roles = Mapping[str, Sequence[int]]  # process ids by role
Figures = dict[str, float]  # by role


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(roles: Roles) -> Figures:
    """User and system time used so far, that of children that have ended included."""
    return {role: sum(map(_cpu, pids)) for role, pids in roles.items()}


def pss_mb(roles: Roles) -> Figures:
    """Proportional set size: a page that n processes share counts 1/n for each."""
    return {role: sum(map(_pss, pids)) / 1024 for role, pids in roles.items()}


class Meter:
    """CPU seconds by role between entering and leaving."""

    def __init__(self, roles: Callable[[], Roles]) -> None:
        self._roles = roles
        self.used: Figures = {}

    def __enter__(self) -> Meter:
        self._before = cpu_seconds(self._roles())
        return self

    def __exit__(self, *_: object) -> None:
        after = cpu_seconds(self._roles())
        self.used = {role: after[role] - self._before.get(role, 0.0) for role in after}

    def per(self, count: int) -> Figures:
        """Milliseconds by role for each of `count` operations."""
        return {role: seconds * 1000 / count for role, seconds in self.used.items()}


class MemoryWatch:
    """The largest memory, all roles together, that was seen between entering and leaving."""

    def __init__(self, roles: Callable[[], Roles]) -> None:
        self._roles = roles
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.largest: Figures = {}

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            now = pss_mb(self._roles())
            self.largest = max(self.largest, now, key=lambda figures: sum(figures.values()))


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; empty when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / TICKS if fields else 0.0


def _pss(pid: int) -> int:
    """In KiB."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:  # it ended meanwhile
        pass
    return 0
