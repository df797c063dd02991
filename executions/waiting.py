"""Waiting for what becomes of an execution, without a transaction or a connection held meanwhile.

Who waits holds a thread of the web, which also takes webhooks in. So only MAX_WAITERS callers wait
in one process at a time, whatever door they came through; others are told at once where to look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import connection

from executions import events
from executions.models import Execution
from executions.states import EXECUTION_ENDED
from tenants import scope

log = structlog.get_logger(__name__)

Found = TypeVar("Found")

POLL_SECONDS = 2.0  # how late a caller may be whose wake-up was lost
AWAY_SECONDS = 0.5  # between two looks while Redis is away
CALM_SECONDS = 0.02  # after a wake-up: a chain of steps sends one for each


def until(
    find: Callable[[], Found | None], *, tenant_id: UUID, execution_id: UUID, seconds: float
) -> Found | None:
    """What `find` gives, in the tenant's scope, as soon as that is something; None if it is not
    within so many seconds, or at once where no further caller may wait.

    To be called outside any scope. A Postgres that is away meanwhile is waited for, too.
    """
    with _waiters.place() as is_free:
        if not is_free:
            return _look(find, tenant_id)
        deadline = time.monotonic() + seconds
        with Wakeups(execution_id) as wakeups:
            while (found := _look(find, tenant_id)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                connection.close()  # back to the pool, where there is one
                wakeups.wait(left)
            return found


def until_ended(*, tenant_id: UUID, execution_id: UUID, seconds: float) -> bool:
    """Whether the execution has ended within so many seconds; as `until`."""

    def ended() -> bool | None:
        rows = Execution.objects.filter(id=execution_id, status__in=EXECUTION_ENDED)
        return rows.exists() or None

    found = until(ended, tenant_id=tenant_id, execution_id=execution_id, seconds=seconds)
    return found is not None


def _look(find: Callable[[], Found | None], tenant_id: UUID) -> Found | None:
    try:
        with scope.tenant(tenant_id):
            return find()
    except scope.AWAY as fault:
        log.warning("a caller waits for the database, too", error=type(fault).__name__)
        return None


class _Waiters:
    """How many callers wait in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether one more may wait, until the block ends."""
        with self._lock:
            is_free = self._number < settings.MAX_WAITERS
            self._number += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._number -= is_free


_waiters = _Waiters()


class Wakeups:
    """Tells a thread that something happened to an execution: the twin of `live.wakeups`."""

    def __init__(self, execution_id: UUID) -> None:
        self._channel = events.channel(execution_id)
        # Held, since a client that nobody holds closes its connections: of two that threads made at
        # the same time only one is kept for others.
        self._redis = _client()
        self._listener: redis.client.PubSub | None = None

    def __enter__(self) -> Wakeups:
        listener: redis.client.PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call] # redis
        try:
            listener.subscribe(self._channel)
            listener.get_message(timeout=settings.REDIS_TIMEOUT)  # it is subscribed
            self._listener = listener
        except (redis.RedisError, OSError) as error:
            listener.close()
            log.warning("waiting without wake-ups", error=type(error).__name__)
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()

    def wait(self, seconds: float) -> None:
        """Return when something happened, or when it is time to look, after `seconds` at most."""
        if self._listener is None:
            time.sleep(min(AWAY_SECONDS, seconds))
            return
        try:
            if self._listener.get_message(timeout=min(POLL_SECONDS, seconds)) is not None:
                time.sleep(min(CALM_SECONDS, seconds))
                while self._listener.get_message() is not None:
                    pass  # what came until now is seen in one look
        except (redis.RedisError, OSError) as error:
            log.warning("wake-ups ended", error=type(error).__name__)
            self._listener.close()
            self._listener = None


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
        retry=None,
    )
