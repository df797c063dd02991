"""Streams of events over HTTP, for API clients."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.db import OperationalError

from executions import live
from tenants import scope, strangers
from tenants.consumers import in_thread
from tenants.gcra import Rate
from tenants.models import ApiKey
from tests import factories
from tests.executions import following
from tests.executions.following import Acme, bearer, follow, whole
from tests.executions.sockets import Stream, records

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def acme() -> Acme:
    return following.make_acme()


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
