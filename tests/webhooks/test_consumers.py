"""Looking at a test address as requests come in: late, again, without Redis, without the right."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from executions import events, live, worker
from tenants import scope
from tenants import services as tenants
from tenants.consumers import in_thread
from tenants.models import User
from tenants.roles import PERMISSIONS, Role
from tests import factories
from tests.executions import driving
from tests.executions.following import follow
from tests.executions.sockets import ORIGIN, Browser, application, cookie_of
from tests.webhooks import listeners
from tests.webhooks.listeners import Listener
from webhooks import trials

pytestmark = [
    pytest.mark.usefixtures("committed_db"),
    pytest.mark.filterwarnings("ignore:No directory at"),
]


@dataclass
class Acme:
    """A draft that listens, and ed, who may look."""

    people: factories.People
    listener: Listener
    cookie: str

    @property
    def id(self) -> UUID:
        return self.listener.address.endpoint_id

    def shown(self) -> list[str]:
        """The ids of what came in, the newest first."""
        return [str(one.id) for one in self.listener.came()]


@pytest.fixture
def acme() -> Acme:
    application()  # it reads the database as it starts, which no event loop may
    people = factories.make_people()
    listener = listeners.listen(factories.make_draft(people.acme, slug="flow"))
    return Acme(people, listener, browser_of(people.ed))


def browser_of(user: User) -> str:
    """The cookie of a session that the person can see and end."""
    client = Client()
    client.post("/login/", {"login": user.email, "password": factories.PASSWORD})
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


class Socket(Browser):
    """One that looks at a test address; the page has these requests already."""

    def __init__(
        self, address_id: UUID, cookie: str = "", has: str = "", origin: str = ORIGIN
    ) -> None:
        super().__init__(f"/ws/tests/{address_id}/", f"has={has}", cookie, origin)

    async def first(self) -> dict[str, Any]:
        assert await self.open()
        return await self.message()

    async def until(self, done: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Messages up to the one that is so."""
        messages = [await self.message()]
        while not done(messages[-1]):
            messages.append(await self.message())
        return messages


def brought(messages: list[dict[str, Any]]) -> list[str]:
    """The ids of the requests that came whole, in the order in which they came."""
    return re.findall(
        '<details class="came" id="request-([^"]+)"',
        "".join(message["html"] for message in messages),
    )


async def refusal(socket: Socket) -> int:
    assert await socket.open()
    messages, code = await socket.to_the_end()
    assert messages == []
    return code


# --- What is told ------------------------------------------------------------------------------


def test_what_comes_in_is_told_as_it_comes(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)  # so that only wake-ups can wake it

    async def watch() -> list[dict[str, Any]]:
        socket = Socket(acme.id, acme.cookie)
        messages = [await socket.first()]
        assert await socket.silent()
        await in_thread(acme.listener.send)
        messages += await socket.until(lambda message: len(message["requests"]) == 1)
        await in_thread(acme.listener.refused, {}, b"{}")
        messages += await socket.until(lambda message: len(message["requests"]) == 2)
        await socket.leave()
        return messages

    messages = follow(watch())
    assert messages[0] == {"requests": [], "listening": True, "ended": False, "html": ""}
    assert messages[-1]["requests"] == acme.shown()
    assert brought(messages) == acme.shown()[::-1]
    assert "refused with 401" in messages[-1]["html"]


def test_a_run_is_told_of_until_it_has_ended(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)
    acme.listener.send()
    [shown] = acme.shown()

    async def watch() -> list[dict[str, Any]]:
        socket = Socket(acme.id, acme.cookie, has=shown)
        messages = [await socket.first()]
        await in_thread(worker.drain, await in_thread(driving.new_worker))
        messages += await socket.until(lambda message: "status-succeeded" in message["html"])
        await socket.leave()
        return messages

    messages = follow(watch())
    assert "status-queued" in messages[0]["html"]
    assert brought(messages) == []  # the page has it; only its heading moves
    assert f'id="request-head-{shown}"' in messages[-1]["html"]


def test_connecting_again_after_every_message_loses_and_doubles_nothing(acme: Acme) -> None:
    async def watch() -> list[str]:
        seen: list[str] = []
        for _ in range(5):
            await in_thread(acme.listener.send)
            socket = Socket(acme.id, acme.cookie, has=",".join(seen))
            seen += brought([await socket.first()])
            await socket.leave()
        return seen

    assert follow(watch()) == acme.shown()[::-1]


def test_without_redis_it_is_told_as_well(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events.Publisher, "publish", lambda *_: False)
    monkeypatch.setattr(live, "POLL_SECONDS", 0.05)

    async def watch() -> dict[str, Any]:
        socket = Socket(acme.id, acme.cookie)
        await socket.first()
        await in_thread(acme.listener.send)
        message = (await socket.until(lambda message: bool(message["requests"])))[-1]
        await socket.leave()
        return message

    assert follow(watch())["requests"] == acme.shown()


def test_it_ends_once_nothing_listens_and_no_run_is_open(acme: Acme) -> None:
    acme.listener.send()

    def stop() -> None:
        with scope.tenant(acme.people.acme.id):
            trials.stop(workflow=acme.listener.workflow)

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.id, acme.cookie)
        first = await socket.first()
        await in_thread(stop)
        stopped = await socket.until(lambda message: not message["listening"])
        await in_thread(worker.drain, await in_thread(driving.new_worker))
        rest, code = await socket.to_the_end()
        return [first, *stopped, *rest], code

    messages, code = follow(watch())
    assert [message["ended"] for message in messages] == [False] * (len(messages) - 1) + [True]
    assert code == 1000


def test_an_address_that_was_replaced_says_so(acme: Acme) -> None:
    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.id, acme.cookie)
        await socket.first()
        await in_thread(listeners.listen, acme.listener.workflow)
        return await socket.to_the_end()

    assert follow(watch()) == ([], 4404)


def test_a_socket_that_leaves_leaves_nothing_behind(acme: Acme) -> None:
    acme.listener.send()

    async def watch() -> list[str]:
        before = asyncio.all_tasks()
        socket = Socket(acme.id, acme.cookie)
        await socket.first()
        await socket.leave()
        await asyncio.sleep(0)
        left = [repr(task.get_coro()) for task in asyncio.all_tasks() - before]
        return [task for task in left if "_do_receiving" not in task]  # the layer's own

    assert follow(watch()) == []


# --- Who is told -------------------------------------------------------------------------------


def test_nobody_looks_anonymously(acme: Acme) -> None:
    assert follow(refusal(Socket(acme.id))) == 4401


def test_a_strangers_address_is_not_there(acme: Acme) -> None:
    acme.listener.send()
    assert follow(refusal(Socket(acme.id, cookie_of(acme.people.mallory)))) == 4404


def test_an_unknown_address_is_not_there(acme: Acme) -> None:
    assert follow(refusal(Socket(uuid.uuid4(), acme.cookie))) == 4404


@pytest.mark.parametrize("who", ["otto", "vera"])
def test_who_may_not_edit_may_not_look(acme: Acme, who: str) -> None:
    assert follow(refusal(Socket(acme.id, cookie_of(getattr(acme.people, who))))) == 4403


TOO_MANY = ",".join([str(uuid.UUID(int=1))] * 41)


@pytest.mark.parametrize("has", ["x", "1,2", "-", TOO_MANY], ids=["x", "1,2", "-", "too many"])
def test_what_is_no_list_of_requests_is_refused(acme: Acme, has: str) -> None:
    assert follow(refusal(Socket(acme.id, acme.cookie, has))) == 4400


def test_another_sites_page_cannot_open_a_socket(acme: Acme) -> None:
    async def attempt() -> bool:
        return await Socket(acme.id, acme.cookie, origin="https://evil.example").open()

    assert not follow(attempt())


def lose(acme: Acme, how: str) -> None:
    """ed loses the right to look in one of the ways there are."""
    ed, tenant_id = acme.people.ed, acme.people.acme.id
    if how == "ended":
        [session] = tenants.sessions_of(ed)
        tenants.end_session(ed, session.pk)
        return
    with scope.tenant(tenant_id):
        member = tenants.members_of(tenant_id).get(user=ed)
        if how == "removed":
            tenants.remove_member(member=member, by=PERMISSIONS[Role.OWNER])
        else:
            tenants.change_role(member=member, role=Role.OPERATOR, by=PERMISSIONS[Role.OWNER])


@pytest.mark.parametrize("redis", [True, False])
@pytest.mark.parametrize(("how", "code"), [("removed", 4403), ("demoted", 4403), ("ended", 4401)])
def test_whoever_loses_the_right_is_told_nothing_more(
    acme: Acme, how: str, code: int, redis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if redis:
        monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)  # so that only the signal can tell
    else:
        monkeypatch.setattr("executions.events.publish_access", lambda *_, **__: None)
        monkeypatch.setattr(events.Publisher, "publish", lambda *_: False)

    def lose_it_and_send() -> None:
        lose(acme, how)
        acme.listener.send()

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.id, acme.cookie)
        await socket.first()
        await in_thread(lose_it_and_send)
        return await socket.to_the_end()

    assert follow(watch()) == ([], code)
