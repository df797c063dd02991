"""What a worker process does beside running steps: it says that it lives, and sweeps."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from executions import services, sweeper, worker
from executions.sweeper import Swept
from tenants.scope import AWAY

log = structlog.get_logger(__name__)

GAP_BEATS = 3  # beats that may be missing before a silence is taken for an outage
SPARE_THREADS = 4  # work on when no wake-up comes through


class WorkerProcess:
    """Identity and background threads of one worker process."""

    def __init__(self) -> None:
        self.id: UUID | None = None
        self._leaving = Event()
        self._stopping = Event()
        self._unheard = 0  # passes in a row with work that no thread of ours was woken for
        self._spare = ThreadPoolExecutor(SPARE_THREADS, thread_name_prefix="spare")
        self._threads: list[Thread] = []
        # By the monotonic clock: our last beat, and until when silence of others proves nothing.
        self._last_beat: float | None = None
        self._doubt_until = 0.0

    def start(self) -> None:
        """Start the threads; the first beat enters the process in the database."""
        for name, act, seconds in (
            ("beat", self._beat, settings.WORKER_BEAT_SECONDS),
            ("sweeper", self._sweep, settings.SWEEP_SECONDS),
        ):
            thread = Thread(target=self._repeat, args=(act, seconds), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wind_down(self) -> None:
        """Take no further step; those in hand are finished and recorded."""
        self._leaving.set()

    def stop(self) -> None:
        """Leave: called when no step of ours runs any more."""
        self.wind_down()
        self._stopping.set()
        self._spare.shutdown(wait=True, cancel_futures=True)
        for thread in self._threads:
            thread.join()
        if self.id is not None:
            services.unregister(self.id)

    def drain(self) -> None:
        """Work until nothing is ready."""
        if self.id is not None:
            worker.drain(self.id, self._leaving.is_set)

    def _repeat(self, act: Callable[[], None], seconds: float) -> None:
        # Jitter keeps the processes of a deployment from asking Postgres all at once.
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            try:
                act()
            except AWAY as error:
                log.warning("the database is away", error=type(error).__name__)
                connection.close()
            except Exception:
                # One bad row must not end what mends all others.
                log.exception("a background pass failed")
        connection.close()

    def _beat(self) -> None:
        # A worker that was silent for a day is forgotten, and what it held is long released.
        if self.id is None or not services.beat(self.id):
            self.id = services.register(f"{socket.gethostname()}:{os.getpid()}")
        now = time.monotonic()
        if self._last_beat is not None and now - self._last_beat > GAP_BEATS * self._beat_seconds:
            # Postgres was away for us, so for others too: they need time to be heard again.
            self._doubt_until = now + settings.WORKER_LOST_SECONDS
        self._last_beat = now

    def sweep(self) -> Swept:
        """Make one pass of the sweeper."""
        beaten = self._last_beat
        fresh = beaten is None or time.monotonic() - beaten < GAP_BEATS * self._beat_seconds
        return sweeper.sweep(silent_are_dead=fresh and time.monotonic() > self._doubt_until)

    @property
    def _beat_seconds(self) -> float:
        return max(settings.WORKER_BEAT_SECONDS, 0.5)  # a beat may be late by the machine's load

    def _sweep(self) -> None:
        swept = self.sweep()
        idle = swept.ready > 0 and worker.draining() == 0
        self._unheard = self._unheard + 1 if idle else 0
        # Redis is away, or its wake-ups do not reach us: work must not depend on either.
        if swept.ready and (not swept.woken or self._unheard > 1):
            for _ in range(min(swept.ready, SPARE_THREADS - worker.draining())):
                self._spare.submit(self._drain_aside)

    def _drain_aside(self) -> None:
        self.drain()
        connection.close()
