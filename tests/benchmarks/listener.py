"""Hears what a live page hears: a message once a transition is committed."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Any
from uuid import UUID

import redis
from channels.layers import get_channel_layer
from redis.client import PubSub

from executions import events

PATIENCE = 15.0  # seconds
NIL = UUID(int=0)


class Listener:
    """The end of an execution as its followers see it: commit, publish and delivery included.

    Postgres's own `finished_at` is the start of the last transaction and would flatter us by the
    time that it takes.
    """

    def __enter__(self) -> Listener:
        self._redis = redis.Redis.from_url(os.environ["REDIS_URL"])
        self._messages = PubSub(self._redis.connection_pool, ignore_subscribe_messages=True)
        self._messages.psubscribe(f"*{_channel('*')}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._messages.close()
        self._redis.close()

    def wait(self, execution_id: UUID, seq: int) -> float:
        """The time (`perf_counter`) at which the execution's event `seq` was told."""
        channel, deadline = _channel(str(execution_id)).encode(), time.monotonic() + PATIENCE
        layer: Any = get_channel_layer()
        while time.monotonic() < deadline:
            message = self._messages.get_message(timeout=1.0)
            if message and message["channel"].endswith(channel):
                told = time.perf_counter()
                if layer.deserialize(message["data"])["seq"] >= seq:
                    return told
        raise TimeoutError(f"{execution_id} did not end within {PATIENCE:g} s")


def _channel(execution: str) -> str:
    return events.group(NIL).replace(str(NIL), execution)
