"""An execution's history on its way out: rows from Postgres, wake-ups over Redis.

A wake-up only says "there are events up to this number"; a lost one costs a reader two seconds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypedDict
from uuid import UUID

import redis
import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from executions.models import Event
from workflows.definition import JSON

log = structlog.get_logger(__name__)

WAKE = "execution.wake"
ACCESS = "access.changed"
PAUSE_SECONDS = 1.0  # after an error, before Redis is tried again
PAGE = 500  # events read at once


class EventDict(TypedDict):
    """An event as sockets, streams and the API show it."""

    seq: int
    kind: str
    step: str | None
    level: str
    message: str
    data: JSON
    at: str


def as_dict(event: Event) -> EventDict:
    """The wire form of an event."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "step": event.step,
        "level": event.level,
        "message": event.message,
        "data": event.data,
        "at": instant(event.at),
    }


def instant(at: datetime) -> str:
    """A time as the API writes it: RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z")


def read(execution_id: UUID, after: int = 0, limit: int | None = None) -> list[EventDict]:
    """The events with a number above `after`, oldest first, PAGE at most, in the open scope."""
    rows = Event.objects.filter(execution_id=execution_id, seq__gt=after).order_by("seq")
    return [as_dict(event) for event in rows[: limit or PAGE]]


def group(execution_id: UUID) -> str:
    """The channel layer's group of everyone who follows the execution."""
    return f"execution.{execution_id}"


def access_group(principal_id: UUID) -> str:
    """The channel layer's group of everything that this person, or API key, has open."""
    return f"access.{principal_id}"


def publish_access(sender: object, principal_id: UUID, **_: object) -> None:
    """Make all that this person, or API key, has open look again whether they may. As `publish`."""
    _publisher().publish(access_group(principal_id), {"type": ACCESS})


def wake(name: str) -> None:
    """Make everyone who follows this group look again. As `publish`."""
    _publisher().publish(name, {"type": WAKE})


def channel(execution_id: UUID) -> str:
    """Where Redis carries the messages to that group."""
    return _channel(_prefix(), group(execution_id))


def publish(execution_id: UUID, seq: int) -> None:
    """Wake everyone who follows the execution. Never raises; a lost wake-up does no harm."""
    _publisher().publish(group(execution_id), {"type": WAKE, "seq": seq})


@dataclass
class Publisher:
    """Sends messages to groups of the channel layer, straight and synchronously.

    `async_to_sync(layer.group_send)` would open a connection for each call. While Redis is away,
    one caller a second finds out whether it is back, and no other waits for it.
    """

    url: str
    prefix: str
    timeout: float  # seconds
    _closed_until: float = field(default=0.0, init=False)
    _probing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._redis = redis.Redis.from_url(
            self.url,
            socket_timeout=self.timeout,
            socket_connect_timeout=self.timeout,
            retry=Retry(NoBackoff(), 0),
        )

    def publish(self, name: str, message: dict[str, object]) -> bool:
        """Whether Redis took the message."""
        if not self._closed_until:
            return self._send(name, message)
        if time.monotonic() < self._closed_until or not self._probing.acquire(blocking=False):
            return False
        try:
            return self._send(name, message)
        finally:
            self._probing.release()

    def _send(self, name: str, message: dict[str, object]) -> bool:
        layer: Any = get_channel_layer()
        try:
            # As RedisPubSubChannelLayer.group_send does.
            self._redis.publish(_channel(self.prefix, name), layer.serialize(message))
        except redis.RedisError as error:
            log.warning("live pages get no wake-ups", error=str(error))
            self._closed_until = time.monotonic() + PAUSE_SECONDS
            return False
        self._closed_until = 0.0
        return True


def _channel(prefix: str, name: str) -> str:
    return f"{prefix}__group__{name}"


def _prefix() -> str:
    layer: Any = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    return str(layer["prefix"])


@cache
def _publisher() -> Publisher:
    return Publisher(settings.REDIS_URL, _prefix(), settings.REDIS_TIMEOUT)
