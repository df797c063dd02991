"""Following an execution: late, again, without Redis, and without the right to."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from executions import live
from tenants.consumers import in_thread
from tests.executions import following
from tests.executions.following import Acme, follow, whole
from tests.executions.sockets import Socket, cookie_of, seqs

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def acme() -> Acme:
    return following.make_acme()


def test_a_socket_tells_what_was_and_then_what_comes(acme: Acme) -> None:
    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        first = await socket.message()
        await in_thread(acme.work)
        rest, code = await socket.to_the_end()
        return [first, *rest], code

    messages, code = follow(watch())
    assert seqs(messages) == whole(acme)
    assert messages[-1]["status"] == "succeeded"
    assert [message["ended"] for message in messages] == [False] * (len(messages) - 1) + [True]
    assert code == 1000


def test_a_socket_that_comes_late_gets_everything(acme: Acme) -> None:
    acme.work()

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        return await socket.to_the_end()

    messages, code = follow(watch())
    assert seqs(messages) == whole(acme)
    assert code == 1000


def test_reconnecting_after_every_message_loses_and_doubles_nothing(acme: Acme) -> None:
    async def watch() -> list[int]:
        seen: list[int] = []
        working = asyncio.ensure_future(in_thread(acme.work))
        while True:
            socket = Socket(acme.execution.id, acme.cookie, after=max(seen, default=0))
            assert await socket.open()
            message = await socket.message()
            await socket.leave()
            seen += seqs([message])
            if message["ended"]:
                await working
                return seen

    assert follow(watch()) == whole(acme)


def test_a_socket_that_knows_the_last_event_is_told_that_it_was(acme: Acme) -> None:
    acme.work()

    last = len(whole(acme))

    async def knowing() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie, after=last)
        assert await socket.open()
        return await socket.to_the_end()

    messages, code = follow(knowing())
    assert [(message["events"], message["ended"]) for message in messages] == [([], True)]
    assert code == 1000


def test_more_events_than_are_read_at_once_come_one_after_the_other(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.events.PAGE", 2)
    acme.work()

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        return await socket.to_the_end()

    messages, _ = follow(watch())
    assert seqs(messages) == whole(acme)
    assert len(messages) > 2
    assert {len(message["events"]) for message in messages[:-1]} == {2}


def test_the_parts_of_the_page_that_change_come_with_the_events(acme: Acme) -> None:
    async def watch() -> dict[str, Any]:
        socket = Socket(acme.execution.id, acme.cookie, after=1)
        assert await socket.open()
        await in_thread(acme.one_step)
        return (await socket.until(5))[-1]

    html = follow(watch())["html"]
    assert 'id="run-head"' in html
    assert 'id="event-4"' in html
    assert 'id="event-1"' not in html
    assert 'id="head-c"' in html
    assert 'id="body-a"' in html
    assert 'id="body-c"' not in html  # nothing happened to it
    assert "edge-taken" in html


def test_several_sockets_see_the_same(acme: Acme) -> None:
    async def watch(socket: Socket) -> list[int]:
        assert await socket.open()
        return seqs((await socket.to_the_end())[0])

    async def crowd() -> list[list[int]]:
        watching = [
            asyncio.ensure_future(watch(Socket(acme.execution.id, acme.cookie))) for _ in range(5)
        ]
        await in_thread(acme.work)
        return await asyncio.gather(*watching)

    assert follow(crowd()) == [whole(acme)] * 5


@pytest.mark.parametrize("url", ["unix:///nowhere/at/all", "redis://127.0.0.1:1/0"])
def test_without_redis_events_still_come(acme: Acme, url: str, settings: Any) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    settings.CHANNEL_LAYERS = {
        "default": {**layer, "CONFIG": {**layer["CONFIG"], "hosts": [url]}},
    }

    async def watch() -> tuple[list[dict[str, Any]], int]:
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        first = await socket.message()
        await in_thread(acme.work)
        rest, code = await socket.to_the_end()
        return [first, *rest], code

    messages, code = follow(watch())
    assert seqs(messages) == whole(acme)
    assert code == 1000


def test_a_socket_sleeps_between_wake_ups(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)  # so that only wake-ups can wake it

    async def watch() -> list[int]:
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        first = await socket.message()
        assert await socket.silent()
        await in_thread(acme.work)
        return seqs([first, *(await socket.to_the_end())[0]])

    assert follow(watch()) == whole(acme)


def test_a_socket_that_leaves_leaves_nothing_behind(acme: Acme) -> None:
    async def watch() -> set[asyncio.Task[Any]]:
        before = asyncio.all_tasks()
        socket = Socket(acme.execution.id, acme.cookie)
        assert await socket.open()
        await socket.message()
        await socket.leave()
        await asyncio.sleep(0)
        receiver = "_do_receiving"  # the channel layer's own, one a process
        return {
            task for task in asyncio.all_tasks() - before if receiver not in repr(task.get_coro())
        }

    assert follow(watch()) == set()


async def refusal(socket: Socket) -> int:
    assert await socket.open()
    messages, code = await socket.to_the_end()
    assert messages == []
    return code


def test_nobody_follows_anonymously(acme: Acme) -> None:
    assert follow(refusal(Socket(acme.execution.id))) == 4401


def test_a_strangers_execution_is_not_there(acme: Acme) -> None:
    mallory = cookie_of(acme.people.mallory)
    assert follow(refusal(Socket(acme.execution.id, mallory))) == 4404


def test_an_unknown_execution_is_not_there(acme: Acme) -> None:
    assert follow(refusal(Socket(uuid.uuid4(), acme.cookie))) == 4404


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "99999999999999999999", ""])
def test_a_position_that_is_no_number_is_refused(acme: Acme, after: str) -> None:
    wanted = 4404 if after == "" else 4400  # an empty one counts as none
    unknown = uuid.uuid4()
    assert follow(refusal(Socket(unknown, acme.cookie, after))) == wanted


def test_another_sites_page_cannot_open_a_socket(acme: Acme) -> None:
    async def attempt() -> bool:
        return await Socket(acme.execution.id, acme.cookie, origin="https://evil.example").open()

    assert not follow(attempt())
