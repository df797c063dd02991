"""Following an execution: late, again, without Redis, and without the right to."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from django.db import OperationalError

from executions import live
from tenants import scope, strangers
from tenants.consumers import in_thread
from tenants.gcra import Rate
from tenants.models import ApiKey
from tests import factories
from tests.executions import driving, following
from tests.executions.following import Acme, bearer, follow
from tests.executions.sockets import Socket, Stream, cookie_of, records, seqs

pytestmark = [
    pytest.mark.usefixtures("committed_db"),
    pytest.mark.filterwarnings("ignore:No directory at"),
]


@pytest.fixture
def acme() -> Acme:
    return following.make_acme()


def whole(acme: Acme) -> list[int]:
    return [event.seq for event in driving.events(acme.execution)]


# --- Sockets -----------------------------------------------------------------------------------


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


# --- Streams -----------------------------------------------------------------------------------


async def streamed(stream: Stream) -> tuple[int, dict[str, str], str]:
    status, headers = await stream.open()
    return status, headers, await stream.body()


def test_a_stream_tells_what_was_and_then_what_comes(acme: Acme) -> None:
    headers = bearer(acme)

    async def watch() -> tuple[int, dict[str, str], str]:
        reading = asyncio.ensure_future(streamed(Stream(acme.execution.id, **headers)))
        await in_thread(acme.work)
        return await reading

    status, answered, body = follow(watch())
    assert status == 200
    assert answered["content-type"] == "text/event-stream"
    assert answered["cache-control"] == "no-store"
    assert [number for number, _ in records(body)] == whole(acme)
    assert all(number == data["seq"] for number, data in records(body))


@pytest.mark.parametrize("position", [{"last_event_id": "3"}, {"query": "after=3"}])
def test_a_stream_goes_on_where_the_client_was(acme: Acme, position: dict[str, str]) -> None:
    acme.work()
    stream = Stream(acme.execution.id, **bearer(acme), **position)
    _, _, body = follow(streamed(stream))
    assert [number for number, _ in records(body)] == whole(acme)[3:]


def test_a_client_that_knows_the_last_event_is_told_to_stay_away(acme: Acme) -> None:
    acme.work()
    stream = Stream(acme.execution.id, **bearer(acme), last_event_id=str(len(whole(acme))))
    assert follow(streamed(stream)) == (204, {}, "")


def test_a_quiet_stream_shows_that_it_lives(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executions.consumers.KEEP_ALIVE_SECONDS", 0.0)
    monkeypatch.setattr(live, "POLL_SECONDS", 0.05)
    stream = Stream(acme.execution.id, **bearer(acme))

    async def listen() -> str:
        await stream.open()
        text = ""
        while "\n: " not in text:
            text += (await stream.chunk())[0]
        await stream.leave()
        return text

    assert follow(listen()).endswith(": still here\n\n")


def problem(stream: Stream) -> tuple[int, str, dict[str, Any]]:
    status, headers, body = follow(streamed(stream))
    return status, headers["content-type"], json.loads(body)


@pytest.mark.parametrize("key", [None, "Bearer sw_no_such", "Basic eDp5", "Bearer \u00e9"])
def test_a_stream_without_a_valid_key_is_refused(acme: Acme, key: str | None) -> None:
    given = {"authorization": key} if key else {}
    status, kind, body = problem(Stream(acme.execution.id, **given))
    assert (status, kind) == (401, "application/problem+json")
    assert body["type"] == "urn:stepwell:problem:not-authenticated"


def test_a_stream_without_a_valid_key_counts_for_its_address(acme: Acme, settings: Any) -> None:
    settings.RATE_UNKNOWN_KEYS = Rate(2, 3600)
    strangers.forget()
    wrong = {"authorization": "Bearer sw_no_such"}
    assert [problem(Stream(acme.execution.id, **wrong))[0] for _ in range(2)] == [401, 401]
    status, headers, body = follow(streamed(Stream(acme.execution.id, **wrong)))
    strangers.forget()
    assert (status, json.loads(body)["type"]) == (429, "urn:stepwell:problem:rate-limited")
    assert int(headers["retry-after"]) > 0


def test_a_revoked_key_is_refused(acme: Acme) -> None:
    headers = bearer(acme)
    with scope.operator("a test revokes all keys"):
        ApiKey.objects.update(revoked_at="2026-01-01T00:00Z")
    assert problem(Stream(acme.execution.id, **headers))[0] == 401


def test_another_tenants_stream_is_not_there(acme: Acme) -> None:
    key = factories.make_key(acme.people.globex)
    stream = Stream(acme.execution.id, authorization=f"Bearer {key}")
    assert problem(stream)[0] == 404


def test_a_position_that_is_no_number_is_a_bad_request(acme: Acme) -> None:
    stream = Stream(acme.execution.id, **bearer(acme), last_event_id="x")
    assert problem(stream)[0] == 400


def test_a_stream_without_the_database_is_refused_in_words(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise OperationalError("the connection is lost")

    headers = bearer(acme)
    monkeypatch.setattr("executions.consumers.read", away)
    status, kind, body = problem(Stream(acme.execution.id, **headers))
    assert (status, kind) == (503, "application/problem+json")
    assert "connection" not in body["detail"]


def test_who_does_not_ask_for_a_stream_gets_the_list(acme: Acme) -> None:
    stream = Stream(acme.execution.id, **bearer(acme) | {"accept": "application/json"})
    status, _, body = follow(streamed(stream))
    assert status == 200
    assert [event["seq"] for event in json.loads(body)["results"]] == [1]
