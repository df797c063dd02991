"""Following an execution: what is there already, then what comes, without a gap or a double.

The rows come from Postgres, always those after the last one read, so it does not matter how many
wake-ups arrive, or in which order, or whether Redis is there at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from redis import RedisError

from executions import events
from executions.events import EventDict
from executions.models import Execution
from executions.states import EXECUTION_ENDED

log = structlog.get_logger(__name__)

POLL_SECONDS = 2.0  # how late an event may be without Redis
CALM_SECONDS = 0.1  # between two reads of one follower, however many wake-ups come


@dataclass(frozen=True)
class Batch:
    """What one read found."""

    events: list[EventDict]
    status: str  # the execution's
    more: bool = False  # there are further events already
    ended: bool = False  # no event will follow
    html: str = ""  # what the events change on the execution's page


Read = Callable[[int], Awaitable[Batch]]


def read(execution_id: UUID, after: int) -> Batch:
    """The events after number `after`, in the open tenant scope. Raises Execution.DoesNotExist."""
    # The status first: the events that made it are written in the same transaction.
    status = Execution.objects.values_list("status", flat=True).get(id=execution_id)
    found = events.read(execution_id, after)
    more = len(found) == events.PAGE
    return Batch(found, status, more=more, ended=status in EXECUTION_ENDED and not more)


async def follow(after: int, read: Read, *groups: str) -> AsyncGenerator[Batch, None]:
    """Yield a batch for each read, an empty one at least every two seconds, until the last event.

    `read` takes the number of the last event seen and returns those that follow; a message to any
    of the groups makes it read at once.
    """
    async with wakeups(*groups) as woken:
        while True:
            batch = await read(after)
            after = batch.events[-1]["seq"] if batch.events else after
            yield batch
            if batch.ended:
                return
            if not batch.more:
                await woken.wait()


@contextlib.asynccontextmanager
async def wakeups(*groups: str) -> AsyncIterator[Wakeups]:
    """Messages to these groups, and to those that are joined later; then it leaves them all."""
    woken = Wakeups()
    await woken.join(*groups)
    try:
        yield woken
    finally:
        await woken.leave()


class Wakeups:
    """Messages to groups of the channel layer; none come where Redis could not be asked."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._groups: set[str] = set()
        self._channel = ""
        self._listener: asyncio.Task[None] | None = None

    async def join(self, *groups: str) -> bool:
        """Be woken by these groups too. Whether one is new: what it said before was not heard."""
        fresh = [group for group in groups if group not in self._groups]
        self._groups.update(fresh)
        try:
            async with asyncio.timeout(settings.REDIS_TIMEOUT):
                if fresh and self._listener is None:
                    self._channel = await _layer().new_channel()
                    self._listener = asyncio.create_task(self._listen())
                for group in fresh:
                    await _layer().group_add(group, self._channel)
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            log.warning("following without wake-ups", groups=fresh, error=str(error))
        return bool(fresh)

    async def wait(self) -> None:
        """Until there is a message, two seconds at most; messages that come together count once."""
        await asyncio.sleep(CALM_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        self._woken.clear()

    async def leave(self) -> None:
        """Hear no more of any group."""
        if self._listener is None:
            return
        self._listener.cancel()
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(settings.REDIS_TIMEOUT):
                for group in self._groups:
                    await _layer().group_discard(group, self._channel)
                await asyncio.wait([self._listener])

    async def _listen(self) -> None:
        while True:
            await _layer().receive(self._channel)
            self._woken.set()


def _layer() -> Any:
    return get_channel_layer()
