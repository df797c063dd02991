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
                await _pause(woken)


async def _pause(woken: asyncio.Event) -> None:
    await asyncio.sleep(CALM_SECONDS)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(POLL_SECONDS):
            await woken.wait()
    woken.clear()


@contextlib.asynccontextmanager
async def wakeups(*groups: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set by each message to a group; never, if Redis could not be asked."""
    woken = asyncio.Event()
    listener = None
    try:
        async with asyncio.timeout(settings.REDIS_TIMEOUT):
            channel = await _layer().new_channel()
            listener = asyncio.create_task(_listen(channel, woken))
            for group in groups:
                await _layer().group_add(group, channel)
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        log.warning("following without wake-ups", groups=groups, error=str(error))
    try:
        yield woken
    finally:
        if listener is not None:
            await _leave(groups, channel, listener)


def _layer() -> Any:
    return get_channel_layer()


async def _listen(channel: str, woken: asyncio.Event) -> None:
    while True:
        await _layer().receive(channel)
        woken.set()


async def _leave(groups: tuple[str, ...], channel: str, listener: asyncio.Task[None]) -> None:
    listener.cancel()
    with contextlib.suppress(RedisError, OSError):
        async with asyncio.timeout(settings.REDIS_TIMEOUT):
            for group in groups:
                await _layer().group_discard(group, channel)
            await asyncio.wait([listener])
