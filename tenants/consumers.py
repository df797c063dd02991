"""The live door: finds out who opened a socket or a stream, and reads for them in their scope.

A connection lives long, a scope never does: each read is a transaction of its own, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseFault

from tenants import limits, scope, services, strangers
from tenants.addresses import client_address
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Permission

log = structlog.get_logger(__name__)

# What ASGI calls a scope; here that word is the tenants'.
Connection = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

App = Callable[[Connection, Receive, Send], Awaitable[None]]

BEARER = "bearer "
TRY_AGAIN_LATER = 1013  # RFC 6455 section 7.4, IANA's registry of close codes

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a call that reads the database, beside those of other connections."""
    run = database_sync_to_async(call, thread_sensitive=False)
    return await run(*args, **kwargs)


async def in_tenant(tenant_id: UUID, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a call in the tenant's scope; the transaction is over when it returns."""

    def scoped() -> T:
        with scope.tenant(tenant_id):
            return call(*args, **kwargs)

    return await in_thread(scoped)


async def key_holder(connection: Connection) -> Principal | None:
    """The principal of the API key in the request's Authorization header.

    Raises Problem 429 for an address that came too often without a good one.
    """
    value = header(connection, b"authorization")
    token = value[len(BEARER) :].strip() if value.lower().startswith(BEARER) else ""
    return await in_thread(strangers.find_holder, token, _client_of(connection))


async def count(caller: Principal) -> dict[str, str]:
    """Count a stream as one request of the API: the headers that say so. Raises Problem 429."""
    counted = await in_thread(limits.count_call, caller.tenant_id, write=False)
    counted.check("The tenant's")
    return counted.headers


def _client_of(connection: Connection) -> str | None:
    peer = (connection.get("client") or ("",))[0]
    forwarded = header(connection, b"x-forwarded-for")
    return client_address(peer, forwarded, behind_proxy=settings.BEHIND_PROXY)


def header(connection: Connection, name: bytes) -> str:
    """A request header by its lower-case name; empty when it is missing."""
    values = (value for key, value in connection["headers"] if key == name)
    return next(values, b"").decode("latin-1")


# --- Browsers' sockets -------------------------------------------------------------------------


class Socket(AsyncWebsocketConsumer):
    """A browser's socket, which only tells; each kind of them says in `follow` what.

    Closes with 1000 once all is told, with 4400, 4401, 4403 or 4404 (the HTTP status plus 4000)
    when it refuses, with 1013 when the database is away.
    """

    # Each subscribes by itself: the base class would refuse all sockets while Redis is away.
    channel_layer_alias = "none"
    permission: Permission
    feed: asyncio.Task[None] | None = None

    async def follow(self) -> None:
        """Tell until there is nothing more to be told. Raises Problem to refuse."""
        raise NotImplementedError

    async def connect(self) -> None:
        await self.accept()  # a refusal before this would reach the browser without its code
        self.feed = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self.feed is not None:
            self.feed.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.feed

    async def _run(self) -> None:
        try:
            await self.follow()
        except Problem as problem:
            await self.close(4000 + problem.status, problem.detail)
        except DatabaseFault as fault:
            log.warning("a socket lost the database", error=str(fault))
            await self.close(TRY_AGAIN_LATER)
        else:
            await self.close(1000)


def member(user: Any, find_tenant: Callable[[], str | None], permission: Permission) -> Principal:
    """Who opened a socket. `find_tenant` says of which tenant that is what they ask for.

    Raises Problem: 401 nobody is logged in, 404 it is not there for them, 403 they may not see it.
    """
    if not user.is_authenticated:
        raise Problem(401, "not-authenticated", "Log in first.")
    slug = find_tenant()
    principal = services.find_member(user, slug) if slug else None
    if principal is None:
        raise Problem(404, "not-found", "There is nothing at this address.")
    return allowed(principal, permission)


def renewed_member(
    principal: Principal, session_key: str | None, permission: Permission
) -> Principal:
    """The member as they are now; to be asked with every read.

    Raises Problem: 401 the session has ended, 403 they may not see it any more.
    """
    if not services.session_lives(session_key):
        raise Problem(401, "not-authenticated", "Log in again.")
    return renewed(principal, permission)


def renewed(principal: Principal, permission: Permission) -> Principal:
    """A person or a key as they are now. Raises Problem 403 once they may not any more."""
    now = services.renewed(principal)
    if now is None:
        raise Problem(403, "forbidden", "You do not belong to this tenant any more.")
    return allowed(now, permission)


def allowed(principal: Principal, permission: Permission) -> Principal:
    """The same principal. Raises Problem 403 if they do not have the permission."""
    if not principal.may(permission):
        raise Problem(403, "forbidden", "Your role does not allow this.")
    return principal
