"""Wake-ups: Celery messages that say "there is work", all alike, none of them needed for long.

A lost, doubled or late one changes nothing: a worker that wakes asks Postgres, and the sweeper
sends another one while there is work. So enough of them are in the queue when there are as many as
workers could take, and a Redis that fails or hangs costs the caller next to nothing.
"""

from __future__ import annotations

import time
from functools import cache

import redis
import structlog
from celery import current_app
from celery.canvas import Signature
from django.conf import settings
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

TASK = "executions.work"
QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE
ENOUGH = 32  # wake-ups in the queue
PAUSE_SECONDS = 1.0  # after a failure Redis is left alone for so long

_not_before = 0.0


def wake(count: int = 1) -> bool:
    """Send up to `count` wake-ups; False when Redis did not take them."""
    global _not_before
    if count <= 0:
        return True
    if time.monotonic() < _not_before:
        return False
    try:
        for _ in range(min(count, ENOUGH - int(_queue().llen(QUEUE)))):
            _message().apply_async()
    except (redis.RedisError, OperationalError) as error:
        _not_before = time.monotonic() + PAUSE_SECONDS
        log.warning("no wake-up sent; the sweeper will see to it", error=type(error).__name__)
        return False
    return True


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
