"""The proof of isolation by trying: who must not get in knocks at every socket and event stream.

Their reads run in the thread of the caller, whose open transaction has the rows in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from django.test import Client

from config import routing
from config.household import Household
from executions.models import Execution
from executions.routing import EVENT_STREAM, Streams
from tenants import scope
from tenants.attempts import Tried
from webhooks.models import TrialAddress

PATIENCE = 10.0  # seconds; against hanging, not a measurement
STREAM = "/api/v1/executions/<uuid:execution_id>/events/"
OPEN, REFUSED = "events", "refused"
# What the one parameter in the address of a socket or a stream names.
NAMED: Mapping[str, Callable[[], QuerySet[Any]]] = {
    "execution_id": Execution.objects.all,
    "address_id": TrialAddress.objects.all,
}
_PARAMETER = re.compile(r"<uuid:(\w+)>")

Header = tuple[bytes, bytes]


def listeners(ours: Household, theirs: Household) -> list[Tried]:
    """At what is theirs: nobody, another tenant's owner, another site's page; its owner."""
    with scope.tenant(theirs.tenant.id):
        paths = {place: _path(place) for place in (*sockets(), STREAM)}
    cookies = {home.word: _cookie(home) for home in (ours, theirs)}
    with _kept_open():
        return async_to_sync(_listened)(paths, ours, theirs, cookies)


def sockets() -> list[str]:
    """The addresses of all sockets, with their parameters."""
    return [f"/{getattr(route, 'pattern', route)}" for route in routing.sockets.routes]


def _path(place: str) -> str:
    return _PARAMETER.sub(lambda found: str(NAMED[found[1]]().latest("pk").pk), place)


@contextlib.contextmanager
def _kept_open() -> Iterator[None]:
    """Channels closes the database's connection between reads; this one has the rows in it."""
    own = connections[DEFAULT_DB_ALIAS]
    own.close_if_unusable_or_obsolete = lambda: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        del own.close_if_unusable_or_obsolete


def _cookie(home: Household) -> Header:
    client = Client()
    client.force_login(home.owner)
    name = settings.SESSION_COOKIE_NAME
    return (b"cookie", f"{name}={client.cookies[name].value}".encode())


async def _listened(
    paths: Mapping[str, str], ours: Household, theirs: Household, cookies: dict[str, Header]
) -> list[Tried]:
    asyncio.get_running_loop().set_default_executor(_CallersThread())
    own = urlsplit(settings.PUBLIC_URL)
    at_home = (b"origin", f"{own.scheme}://{own.netloc}".encode())
    elsewhere = (b"origin", b"https://elsewhere.invalid")
    accept = (b"accept", EVENT_STREAM.encode())
    keys = {home.word: _bearer(home) for home in (ours, theirs)}
    knocks: list[tuple[str, list[Header], int | str]] = [
        ("nobody opens it", [at_home], 4401),
        ("another tenant's owner opens it", [at_home, cookies[ours.word]], 4404),
        ("a page of another site opens it", [elsewhere, cookies[theirs.word]], REFUSED),
        ("the owner opens it", [at_home, cookies[theirs.word]], OPEN),
    ]
    tries: list[tuple[str, str, list[Header], int | str]] = [
        *((socket, *how) for socket in sockets() for how in knocks),
        (STREAM, "nobody opens it as a stream", [accept], 401),
        (STREAM, "another tenant's owner opens it as a stream", [accept, keys[ours.word]], 404),
        (STREAM, "the owner opens it as a stream", [accept, keys[theirs.word]], 200),
    ]
    found = []
    for place, what, headers, expected in tries:
        sent = [(b"host", own.netloc.encode()), *headers]
        came = await _outcome(*_connection(place, paths[place], sent))
        found.append(Tried(place, what, came, held=came == expected))
    return found


def _bearer(home: Household) -> Header:
    return (b"authorization", f"Bearer {home.token}".encode())


def _connection(place: str, path: str, headers: list[Header]) -> tuple[Any, dict[str, Any]]:
    both = {"path": path, "query_string": b"", "subprotocols": [], "headers": headers}
    if place == STREAM:
        return Streams(otherwise=_nothing_else), {"type": "http", "method": "GET", **both}
    return routing.guarded_sockets, {"type": "websocket", **both}


async def _nothing_else(*_: Any) -> None:
    raise LookupError("the event stream was not taken for one")


class _CallersThread(ThreadPoolExecutor):
    """Runs calls in the thread that entered the loop, one after the other."""

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        waiting = sync_to_async(call, thread_sensitive=True)(*args, **kwargs)
        return asyncio.run_coroutine_threadsafe(waiting, asyncio.get_running_loop())


async def _outcome(app: Any, connection: dict[str, Any]) -> int | str:
    """The HTTP status or the socket's code; REFUSED before it was open; OPEN when events came."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    opening = "websocket.connect" if connection["type"] == "websocket" else "http.request"
    await inbox.put({"type": opening})
    running = asyncio.create_task(app(connection, inbox.get, outbox.put))
    opened = False
    try:
        while True:
            message = await asyncio.wait_for(outbox.get(), PATIENCE)
            if message["type"] == "http.response.start":
                return int(message["status"])
            if message["type"] == "websocket.close":
                return int(message.get("code", 1000)) if opened else REFUSED
            if message["type"] != "websocket.accept":
                return OPEN
            opened = True
    except TimeoutError:
        return "silence"
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
