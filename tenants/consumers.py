"""The live door: finds out who opened a socket or a stream, and reads for them in their scope.

A connection lives long, a scope never does: each read is a transaction of its own, in a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings

from tenants import limits, scope, strangers
from tenants.addresses import client_address
from tenants.principals import Principal

# What ASGI calls a scope; here that word is the tenants'.
Connection = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

App = Callable[[Connection, Receive, Send], Awaitable[None]]

BEARER = "bearer "

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
