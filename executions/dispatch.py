"""Wake-ups: Celery messages that say "there is work", all alike, none of them needed for long.

A lost, doubled or late one changes nothing: a worker that wakes asks Postgres, and every worker
process looks for itself each second. So a few in the queue are enough, a burst of work is announced
once in a while, and a Redis that fails or hangs costs the caller next to nothing.
"""

from __future__ import annotations

import time
from functools import cache
from threading import Lock, Timer

import redis
import structlog
from celery import current_app
from celery.canvas import Signature
from django.conf import settings
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

TASK = "executions.work"
QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE
ENOUGH = 8  # wake-ups in the queue: one brings a process to work, which then wakes its threads
WINDOW_SECONDS = 0.01  # a process announces work no more often
# While there are enough wake-ups in the queue: each announcement asks Redis and starts a thread.
FULL_WINDOW_SECONDS = 0.1
PAUSE_SECONDS = 1.0  # after a failure Redis is left alone for so long


class Waker:
    """Sends this process's wake-ups: the first at once, what follows within a window together."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0.0  # by the monotonic clock
        self._not_before = 0.0
        self._late: Timer | None = None
        self._window = WINDOW_SECONDS

    def wake(self, count: int) -> None:
        """Announce that up to `count` threads could be at work."""
        now = time.monotonic()
        with self._lock:
            if count <= 0 or now < self._not_before or self._late is not None:
                return
            if now - self._last < self._window:
                self._late = Timer(self._window, self._send_late)
                self._late.daemon = True
                self._late.start()
                return
            self._last = now
        self._send(count)

    def _send_late(self) -> None:
        with self._lock:
            self._late = None
            self._last = time.monotonic()
        self._send(1)

    def _send(self, count: int) -> None:
        try:
            room = ENOUGH - int(_queue().llen(QUEUE))
            for _ in range(min(count, room)):
                _message().apply_async()
            self._window = WINDOW_SECONDS if room > 0 else FULL_WINDOW_SECONDS
        except (redis.RedisError, OperationalError) as error:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            log.warning("no wake-up sent; workers look for themselves", error=type(error).__name__)


def wake(count: int = 1) -> None:
    """Announce work that is committed, for up to `count` threads."""
    _waker().wake(count)


@cache
def _waker() -> Waker:
    return Waker()


@cache
def _message() -> Signature[object]:
    # By name: the task imports the services, which import this module.
    return current_app.signature(TASK, queue=QUEUE, ignore_result=True)


@cache
def _queue() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
        retry=None,
    )
