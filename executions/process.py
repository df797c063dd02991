"""A worker process: its threads, the sign that it lives, and its sweeper."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Event, Lock, Thread
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from executions import services, sweeper, worker
from executions.runs import Claim
from executions.services.recovery import LostStep
from tenants.scope import AWAY

log = structlog.get_logger(__name__)

ASTRAY_SECONDS = 3.0  # before a leased step that no thread has is given back
AT_ONCE = 4  # steps that a thread claims in one transaction, for others of its process too
ROOM_SECONDS = 1.0  # that a wake-up waits for a thread that is free
GAP_BEATS = 3  # beats that may be missing before a silence is taken for an outage


class WorkerProcess(worker.Watch):
    """Brings threads to work: one at a wake-up, another whenever one sees more than it can take.

    While a thread is yet to ask Postgres a further wake-up is not needed: it will see all there is.
    """

    def __init__(self) -> None:
        self.id: UUID | None = None
        self._leaving = Event()
        self._stopping = Event()
        self._pool = ThreadPoolExecutor(settings.WORKER_THREADS, thread_name_prefix="step")
        self._lock = Lock()
        self._room = Condition(self._lock)
        self._yet_to_ask = 0
        self._at_work = 0
        self._threads: list[Thread] = []
        # By the monotonic clock: our last beat, and until when silence of others proves nothing.
        self._last_beat: float | None = None
        self._in_hand: dict[UUID, UUID] = {}  # step runs, and their executions
        self._strays: dict[LostStep, float] = {}  # since when
        self._looked_for_strays = 0.0
        self._doubt_until = 0.0

    def start(self) -> None:
        """Start the threads; the first beat enters the process in the database."""
        for name, act, seconds in (
            ("beat", self._beat, settings.WORKER_BEAT_SECONDS),
            ("sweeper", self.sweep, settings.SWEEP_SECONDS),
        ):
            thread = Thread(target=self._repeat, args=(act, seconds), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wind_down(self) -> None:
        """Take no further step; those in hand are finished and recorded."""
        self._leaving.set()
        with self._room:
            self._room.notify_all()

    def stop(self) -> None:
        """Leave, once the steps in hand have ended."""
        self.wind_down()
        self._pool.shutdown(wait=True)
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self.id is not None:
            services.unregister(self.id)

    def wait_for_room(self) -> None:
        """Wait a while for a thread that is free.

        So wake-ups stay in the queue while nobody needs them, and who would send more sees that
        there are enough: in a flood of webhooks, sending them took a sixth of web's time.
        """
        with self._room:
            self._room.wait_for(self._has_room, ROOM_SECONDS)

    def _has_room(self) -> bool:
        return self._at_work < settings.WORKER_THREADS or self._leaving.is_set()

    def wake(self) -> None:
        """There is work: bring a thread to it, if one is free and none is on its way."""
        with self._lock:
            if self.id is None or self._yet_to_ask or not self._has_room() or self.leaving():
                return
            self._yet_to_ask += 1
            self._submit()

    def _submit(self, claim: Claim | None = None) -> None:
        self._pool.submit(self._drain, claim)
        self._at_work += 1

    def leaving(self) -> bool:
        return self._leaving.is_set()

    def claiming(self) -> int:
        with self._lock:
            self._yet_to_ask = 0
            kept_free = min(AT_ONCE - 1, settings.WORKER_THREADS - self._at_work)
            self._at_work += kept_free
            return kept_free

    def more(self) -> None:
        self.wake()

    def share(self, claims: Sequence[Claim], kept_free: int) -> Sequence[Claim]:
        left: list[Claim] = []
        with self._lock:
            self._at_work -= kept_free
            # What waits for its thread is in our hands, too: it is not astray.
            self._in_hand.update({claim.step_id: claim.run.execution_id for claim in claims})
            for claim in claims:
                try:
                    self._submit(claim)
                except RuntimeError:  # the pool takes nothing more: the process ends
                    left.append(claim)
        return left

    def took(self, claim: Claim) -> None:
        with self._lock:
            self._in_hand[claim.step_id] = claim.run.execution_id

    def gave_back(self, claim: Claim) -> None:
        with self._lock:
            self._in_hand.pop(claim.step_id, None)

    def give_back_strays(self) -> None:
        """Free steps that the database says we have and no thread of ours has.

        So it is when a commit went through and its answer was lost. A thread that has just taken
        one may not have said so yet: only what was astray for a while is given back, and nothing of
        a run of which a thread has another step, and may be about to go on with this one.
        """
        now = time.monotonic()
        if self.id is None or now - self._looked_for_strays < ASTRAY_SECONDS:
            return
        self._looked_for_strays = now
        leased = services.leased_to(self.id)
        with self._lock:
            in_hand = set(self._in_hand.values())
        astray = [step for step in leased if step.execution_id not in in_hand]
        self._strays = {step: self._strays.get(step, now) for step in astray}
        for step, since in self._strays.items():
            if now - since > ASTRAY_SECONDS and services.release(step, by_its_worker=True):
                log.info("gave back a step that nobody had", step=step.key)

    def sweep(self) -> None:
        """Make one pass of the sweeper; what is ready then needs no other wake-up."""
        self.give_back_strays()
        beaten = self._last_beat
        fresh = beaten is None or time.monotonic() - beaten < GAP_BEATS * self._beat_seconds
        if sweeper.sweep(silent_are_dead=fresh and time.monotonic() > self._doubt_until):
            self.wake()

    def _drain(self, claim: Claim | None) -> None:
        try:
            if self.id is not None:
                worker.drain(self.id, self, claim)
        except Exception:
            log.exception("a thread of the worker failed")
        finally:
            connection.close()
            with self._lock:
                self._at_work -= 1
                self._yet_to_ask = 0  # it may have failed before it asked
                self._room.notify()

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

    @property
    def _beat_seconds(self) -> float:
        return max(settings.WORKER_BEAT_SECONDS, 0.5)  # a beat may be late by the machine's load
