"""Few threads of a worker process think at a time; any number may wait for the outside.

Python runs one thread at a time, and each that is at work holds a connection to Postgres with plans
of its own. So a thread takes one of a few hands while it works and lays it down while a call is
out.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

SLICE_SECONDS = 0.02  # a hand is kept for so long before others are to have it


class Hands:
    """A fair semaphore: a hand that is laid down goes to who has waited for it longest."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[Lock] = deque()
        self._lock = Lock()
        self._mine = local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work with a hand."""
        self._take()
        try:
            yield
        finally:
            self._lay_down()

    @contextmanager
    def laid_down(self) -> Iterator[None]:
        """Be without one for a while; then take one again, when it is one's turn."""
        self._lay_down()
        try:
            yield
        finally:
            self._take()

    def wanted(self) -> bool:
        """Whether others wait and ours was held long enough."""
        return bool(self._waiting) and time.monotonic() - self._mine.since > SLICE_SECONDS

    def _take(self) -> None:
        with self._lock:
            turn = None if self._free else Lock()
            if turn is None:
                self._free -= 1
            else:
                turn.acquire()
                self._waiting.append(turn)
        if turn is not None:
            turn.acquire()  # until _lay_down releases it
        self._mine.since = time.monotonic()

    def _lay_down(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
