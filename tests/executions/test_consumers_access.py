"""Losing the right to follow: the socket or the stream ends, and tells nothing more."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from executions import events, live
from tenants import scope
from tenants import services as tenants
from tenants.consumers import in_thread
from tenants.models import ApiKey
from tenants.roles import PERMISSIONS, Role
from tests import factories
from tests.executions import following
from tests.executions.following import Acme, bearer, follow
from tests.executions.sockets import Socket, Stream, records

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def acme() -> Acme:
    return following.make_acme()


def lose(acme: Acme, how: str) -> None:
    """vera loses access in one of the ways there are."""
    vera, tenant_id = acme.people.vera, acme.people.acme.id
    if how == "removed":
        with scope.tenant(tenant_id):
            member = tenants.members_of(tenant_id).get(user=vera)
            tenants.remove_member(member=member, by=PERMISSIONS[Role.OWNER])
    elif how == "closed":
        with transaction.atomic():
            vera.is_active = False
            vera.save()
            tenants.end_sessions(vera)
    else:
        [session] = tenants.sessions_of(vera)
        tenants.end_session(vera, session.pk)


def browser_of(acme: Acme) -> str:
    """As `cookie_of`, of a session that the person can see and end."""
    client = Client()
    client.post("/login/", {"login": "vera@acme.example", "password": factories.PASSWORD})
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


@pytest.mark.parametrize("redis", [True, False])
@pytest.mark.parametrize(("how", "code"), [("removed", 4403), ("closed", 4401), ("ended", 4401)])
def test_whoever_loses_access_loses_the_socket(
    acme: Acme, how: str, code: int, redis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if redis:
        monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)  # so that only the signal can tell
    else:
        monkeypatch.setattr("executions.events.publish_access", lambda *_, **__: None)
        monkeypatch.setattr(events.Publisher, "publish", lambda *_: False)
    cookie = browser_of(acme)

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, cookie, after=1)
        assert await socket.open()
        assert await socket.silent()
        await in_thread(lose, acme, how)
        return await socket.to_the_end()

    assert follow(watch()) == ([], code)


def test_nothing_more_is_told_to_whoever_was_removed(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what happened before the signal came."""
    monkeypatch.setattr(events.Publisher, "publish", lambda *_: False)

    def removed_while_it_ran() -> None:
        lose(acme, "removed")
        acme.work()

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie, after=1)
        assert await socket.open()
        assert await socket.silent()
        await in_thread(removed_while_it_ran)
        return await socket.to_the_end()

    assert follow(watch()) == ([], 4403)


def test_a_new_role_is_seen_without_a_new_socket(acme: Acme) -> None:
    def promote() -> None:
        tenant_id = acme.people.acme.id
        with scope.tenant(tenant_id):
            member = tenants.members_of(tenant_id).get(user=acme.people.vera)
            tenants.change_role(member=member, role=Role.OPERATOR, by=PERMISSIONS[Role.OWNER])

    async def watch() -> str:
        socket = Socket(acme.execution.id, acme.cookie, after=1)
        assert await socket.open()
        await in_thread(promote)
        await in_thread(acme.one_step)
        html = (await socket.until(5))[-1]["html"]
        await socket.leave()
        return str(html)

    assert "Cancel" in follow(watch())


@pytest.mark.parametrize("redis", [True, False])
def test_a_stream_ends_when_its_key_is_revoked(
    acme: Acme, redis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if redis:
        monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)  # so that only the signal can tell
    else:
        monkeypatch.setattr("executions.events.publish_access", lambda *_, **__: None)
        monkeypatch.setattr(live, "POLL_SECONDS", 0.05)
    stream = Stream(acme.execution.id, **bearer(acme), query="after=1")
    tenant_id = acme.people.acme.id

    def revoke() -> None:
        with scope.tenant(tenant_id):
            for key in tenants.keys_of(tenant_id):
                tenants.revoke_key(key=key, by=PERMISSIONS[Role.OWNER])

    async def watch() -> str:
        status, _ = await stream.open()
        assert status == 200
        await in_thread(revoke)
        return await stream.body()

    assert records(follow(watch())) == []
    with scope.operator("a test looks"):
        assert ApiKey.objects.get().last_used_at is not None
