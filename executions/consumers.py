"""An execution's events as they happen: over a WebSocket for pages, as SSE for API clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from functools import partial
from urllib.parse import parse_qs
from uuid import UUID

import structlog
from django.db import Error as DatabaseFault
from django.template.loader import render_to_string

from executions import events, presentation
from executions.live import Batch, follow, read
from executions.models import Execution
from tenants import consumers as door
from tenants import problems, scope, services
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Permission

log = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
NEEDED = Permission.VIEW
_NUMBER = re.compile(r"[0-9]{1,9}")


class ExecutionSocket(door.Socket):
    """`/ws/executions/<id>/?after=<seq>` for browser pages.

    Each message is a `Batch`: `{events, status, more, ended, html}`. Closes with 1000 after the
    last event, and else as `door.Socket` does. Who may follow is looked at with every read: whoever
    is removed or logged out gets nothing more, and 4403 or 4401 at once, or after two seconds
    without Redis.
    """

    permission = NEEDED

    async def follow(self) -> None:
        execution_id = self.scope["url_route"]["kwargs"]["execution_id"]
        after = _position(dict(self.scope))
        find_tenant = partial(_tenant_of, execution_id)
        principal = await door.in_thread(door.member, self.scope["user"], find_tenant, NEEDED)
        session_key = self.scope["session"].session_key

        async def page_after(after: int) -> Batch:
            return await door.in_tenant(
                principal.tenant_id, _read_page, principal, session_key, execution_id, after
            )

        groups = events.group(execution_id), events.access_group(principal.id)
        batches = follow(after, page_after, *groups)
        async with contextlib.aclosing(batches):
            async for batch in batches:
                if batch.events or batch.ended:
                    await self.send(json.dumps(asdict(batch)))


async def stream(
    execution_id: UUID, connection: door.Connection, receive: door.Receive, send: door.Send
) -> None:
    """`GET /api/v1/executions/<id>/events/` with `Accept: text/event-stream` (WHATWG SSE).

    Begins after `Last-Event-ID` or `?after=`; 204 tells a client that knows the last event not to
    come back. A plain ASGI application, since Channels' HTTP consumer would learn that the client
    has gone only after it had answered.
    """
    writing = asyncio.create_task(_answer(execution_id, connection, send))
    leaving = asyncio.create_task(_disconnected(receive))
    await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (writing, leaving):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _disconnected(receive: door.Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(execution_id: UUID, connection: door.Connection, send: door.Send) -> None:
    try:
        after = _position(connection)
        principal = await _key_holder(connection)
        counted = await door.count(principal)
        first = await door.in_tenant(principal.tenant_id, _read, execution_id, after)
    except Problem as problem:
        await _refuse(problem, send)
        return
    except DatabaseFault as fault:
        log.warning("a stream lost the database", error=str(fault))
        await _refuse(Problem(503, "away", "Events cannot be read just now. Try again."), send)
        return
    if first.ended and not first.events:
        await _respond(send, 204, counted)
        return

    async def events_after(after: int) -> Batch:
        return await door.in_tenant(
            principal.tenant_id, _read_for_key, principal, execution_id, after
        )

    groups = events.group(execution_id), events.access_group(principal.id)
    said = {**counted, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    await _start(send, 200, said)
    await door.in_thread(services.note_used, principal)
    with contextlib.suppress(DatabaseFault, Problem):  # the client comes back with Last-Event-ID
        await _write_events(send, follow(after, events_after, *groups))
    await send({"type": "http.response.body", "body": b""})


async def _write_events(send: door.Send, batches: AsyncGenerator[Batch, None]) -> None:
    await _write(send, f"retry: {RETRY_MILLISECONDS}\n\n")
    written = time.monotonic()
    async with contextlib.aclosing(batches):
        async for batch in batches:
            text = "".join(
                f"id: {event['seq']}\ndata: {json.dumps(event)}\n\n" for event in batch.events
            )
            if not text and time.monotonic() - written >= KEEP_ALIVE_SECONDS:
                text = ": still here\n\n"
            if text:
                await _write(send, text)
                written = time.monotonic()


async def _write(send: door.Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _refuse(problem: Problem, send: door.Send) -> None:
    body = problems.document(problem.status, problem.code, problem.detail, problem.errors)
    headers = {"Content-Type": problems.CONTENT_TYPE, **problem.headers}
    await _respond(send, problem.status, headers, json.dumps(body).encode())


async def _respond(
    send: door.Send, status: int, headers: dict[str, str] | None = None, body: bytes = b""
) -> None:
    await _start(send, status, headers or {})
    await send({"type": "http.response.body", "body": body})


async def _start(send: door.Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


# --- Who reads what ----------------------------------------------------------------------------


def _position(connection: door.Connection) -> int:
    """The number of the last event that the client has; raises Problem 400."""
    query = parse_qs(connection["query_string"].decode("latin-1"))
    given = door.header(connection, b"last-event-id") or query.get("after", ["0"])[-1]
    if not _NUMBER.fullmatch(given):
        raise Problem(400, "position", "Give the number of the last event you have, such as 12.")
    return int(given)


async def _key_holder(connection: door.Connection) -> Principal:
    principal = await door.key_holder(connection)
    if principal is None:
        detail = "Give a valid API key: Authorization: Bearer <key>."
        raise Problem(401, "not-authenticated", detail, headers={"WWW-Authenticate": "Bearer"})
    return door.allowed(principal, NEEDED)


def _tenant_of(execution_id: UUID) -> str | None:
    with scope.operator("a socket names an execution, not its tenant"):
        slugs = Execution.objects.filter(id=execution_id).values_list("tenant__slug", flat=True)
        return slugs.first()


def _read(execution_id: UUID, after: int) -> Batch:
    try:
        return read(execution_id, after)
    except Execution.DoesNotExist:
        raise _not_found() from None


def _read_for_key(principal: Principal, execution_id: UUID, after: int) -> Batch:
    door.renewed(principal, NEEDED)
    return _read(execution_id, after)


def _read_page(
    principal: Principal, session_key: str | None, execution_id: UUID, after: int
) -> Batch:
    principal = door.renewed_member(principal, session_key, NEEDED)
    batch = _read(execution_id, after)
    if not batch.events:
        return batch
    changed = {event["step"] for event in batch.events}
    page = presentation.present(execution_id, principal, changed)
    context = {"page": page, "events": batch.events, "tenant_slug": principal.tenant_slug}
    return replace(batch, html=render_to_string("executions/_update.html", context))


def _not_found() -> Problem:
    return Problem(404, "not-found", "There is no such execution that you may see.")
