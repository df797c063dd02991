"""The proof of isolation by trying: at every route and socket, who must not get in knocks.

Nobody at all, and an owner of one tenant who knows the ids of another's rows. Everything runs in
this process, in a transaction of the caller's that is never committed; each request is undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from config import routing
from config.doors import ADMIN, API, PUBLIC, Route, walk
from executions.routing import EVENT_STREAM, Streams
from tenants import scope, services
from tenants.attempts import Planted, Row, Tried
from tenants.models import Membership, TenantLimits, User
from tenants.roles import Role

# What a part of an address names: the table of the rows, and the column that is in the address.
RESOURCES: Mapping[str, tuple[str, str]] = {
    "deliveries": ("webhooks_delivery", "id"),
    "endpoints": ("webhooks_endpoint", "id"),
    "executions": ("executions_execution", "id"),
    "invitations": ("tenants_invitation", "id"),
    "members": ("tenants_membership", "id"),
    "schedules": ("workflows_schedule", "id"),
    "secrets": ("tenants_secret", "name"),
    "subscriptions": ("workflows_subscription", "id"),
    "variables": ("tenants_variable", "name"),
    "versions": ("workflows_workflowversion", "number"),
    "workflows": ("workflows_workflow", "slug"),
}
_NOBODYS = str(uuid.UUID(int=0))
_ANYTHING = {"uuid": _NOBODYS, "int": "1"}
PATIENCE = 10.0  # seconds; against hanging, not a measurement
_STREAM = "/api/v1/executions/<uuid:id>/events/"

Ask = Callable[[str, str], HttpResponseBase]


def nobody() -> list[Tried]:
    """Somebody without a session or a key, at every route that is not public."""
    ask = _asking(Client(raise_request_exception=False))
    return [
        _judged(route, f"nobody: {method}", answer, held=_turned_away(answer))
        for route in walk()
        if route.pattern not in PUBLIC
        for method in ("GET", "POST")
        for answer in [ask(method, _path(route, {}))]
    ]


def stranger(planted: Planted) -> list[Tried]:
    """An owner of `planted.ours`, with a key and a session, asks for what `planted.theirs` has."""
    token, user = _owner(planted)
    key = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
    session = Client(raise_request_exception=False)
    session.force_login(user)
    slugs = {side: str(planted.rows[side]["tenants_tenant"]["slug"]) for side in planted.rows}
    theirs = planted.rows["theirs"]
    return [
        *_with_key(_asking(key), theirs),
        *_with_session(_asking(session), theirs, slugs["theirs"], slugs["ours"]),
        *_in_the_admin(_asking(session)),
    ]


def sockets() -> list[Tried]:
    """Nobody at each socket and the event stream; a browser that another site's page sends."""
    return asyncio.run(_sockets())


# --- Who asks ----------------------------------------------------------------------------------


def _owner(planted: Planted) -> tuple[str, User]:
    user = User.objects.create_user(f"{planted.ours.hex}@isolation.invalid")
    with scope.tenant(planted.ours):
        # The planted ones are no rates; and what is refused for its number proves nothing.
        TenantLimits.objects.update(requests="0", writes="0", webhooks="0")
        Membership.objects.create(tenant_id=planted.ours, user=user, role=Role.OWNER)
        issued = services.issue_key(tenant_id=planted.ours, name="proof", role=Role.OWNER)
    return issued.token, user


def _with_key(ask: Ask, theirs: Mapping[str, Row]) -> Iterator[Tried]:
    for route in walk():
        if not route.pattern.startswith(API) or not route.parameters:
            continue
        for method in ("GET", "POST", "PATCH", "DELETE"):
            answer = ask(method, _path(route, theirs))
            yield _judged(route, f"another tenant's key: {method}", answer, held=_refused(answer))


def _with_session(ask: Ask, theirs: Mapping[str, Row], slug: str, own: str) -> Iterator[Tried]:
    for route in walk():
        if "tenant_slug" not in route.parameters:
            continue
        for method in ("GET", "POST"):
            answer = ask(method, _path(route, theirs, tenant_slug=slug))
            held = answer.status_code == 404
            yield _judged(route, f"a member of another tenant: {method}", answer, held=held)
            if len(route.parameters) > 1:
                answer = ask(method, _path(route, theirs, tenant_slug=own))
                what = f"their ids under the own tenant: {method}"
                yield _judged(route, what, answer, held=_refused(answer))


def _in_the_admin(ask: Ask) -> Iterator[Tried]:
    for route in walk():
        if route.pattern.startswith(ADMIN) and route.pattern not in PUBLIC:
            answer = ask("GET", _path(route, {}))
            yield _judged(route, "a member in the admin: GET", answer, held=_turned_away(answer))


# --- Asking ------------------------------------------------------------------------------------


def _asking(client: Client) -> Ask:
    own = urlsplit(settings.PUBLIC_URL)

    def ask(method: str, path: str) -> HttpResponseBase:
        with transaction.atomic():
            answer: HttpResponseBase = client.generic(
                method,
                path,
                "{}" if path.startswith(f"/{API}") else "",
                content_type="application/json" if path.startswith(f"/{API}") else "text/plain",
                secure=own.scheme == "https",
                headers={"host": own.netloc, "if-match": "*"},
            )
            transaction.set_rollback(True)
        return answer

    return ask


def _path(route: Route, theirs: Mapping[str, Row], **known: str) -> str:
    """The route's address with the other tenant's rows, or with what nobody has."""
    named = ""
    parts = []
    for part in route.pattern.split("/"):
        if not part.startswith("<"):
            parts.append(part)
            named = part or named
            continue
        kind, _, name = part.strip("<>").rpartition(":")
        table, column = RESOURCES.get(named, ("", ""))
        value = theirs.get(table, {}).get(column) or _ANYTHING.get(kind, "a")
        parts.append(known.get(name, str(value)))
    return "/" + "/".join(parts)


def _turned_away(answer: HttpResponseBase) -> bool:
    """Off to log in, or refused, also for the method alone."""
    if answer.status_code == 302:
        gates = (reverse("account_login"), reverse("admin:login"))
        return urlsplit(answer["Location"]).path in gates
    return answer.status_code in (401, 403, 404, 405)


def _refused(answer: HttpResponseBase) -> bool:
    return 400 <= answer.status_code < 500 and answer.status_code != 429


def _judged(route: Route, what: str, answer: HttpResponseBase, *, held: bool) -> Tried:
    return Tried(f"/{route.pattern}", what, answer.status_code, held)


# --- Sockets -----------------------------------------------------------------------------------


async def _sockets() -> list[Tried]:
    own = urlsplit(settings.PUBLIC_URL)
    host = (b"host", own.netloc.encode())
    at_home = (b"origin", f"{own.scheme}://{own.netloc}".encode())
    elsewhere = (b"origin", b"https://elsewhere.invalid")
    no_query: dict[str, Any] = {"query_string": b"", "subprotocols": []}
    path = f"/api/v1/executions/{_NOBODYS}/events/"
    stream = {"type": "http", "method": "GET", "path": path, **no_query}
    accept = (b"accept", EVENT_STREAM.encode())
    tries = []
    for name in (f"/{getattr(entry, 'pattern', entry)}" for entry in routing.sockets.routes):
        socket = {"type": "websocket", "path": re.sub("<[^>]+>", _NOBODYS, name), **no_query}
        anonymous = await _outcome(routing.guarded_sockets, {**socket, "headers": [host, at_home]})
        foreign = await _outcome(routing.guarded_sockets, {**socket, "headers": [host, elsewhere]})
        tries += [
            Tried(name, "nobody opens it", anonymous, held=anonymous == 4401),
            Tried(name, "a page of another site opens it", foreign, held=foreign == "refused"),
        ]
    streams = Streams(otherwise=_nothing_else)
    keyless = await _outcome(streams, {**stream, "headers": [host, accept]})
    return [*tries, Tried(_STREAM, "nobody opens it as a stream", keyless, held=keyless == 401)]


async def _nothing_else(*_: Any) -> None:
    raise LookupError("the event stream was not taken for one")


async def _outcome(app: Any, connection: dict[str, Any]) -> int | str:
    """The HTTP status or the socket's code; `refused` before it was open; else what came."""
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
                return int(message.get("code", 1000)) if opened else "refused"
            if message["type"] != "websocket.accept":
                return str(message["type"])
            opened = True
    except TimeoutError:
        return "silence"
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
