"""The step types that sleep in the database: delay, wait_for_callback, approval, poll."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.worlds import NOW, ScriptedWorld, answer, world
from workflows.expressions import ExpressionError
from workflows.steps.base import (
    ConfigError,
    Done,
    Error,
    Failed,
    HttpFailure,
    Wait,
    config_problems,
)
from workflows.steps.registry import STEP_TYPES


def run(key: str, rendered: dict[str, Any], here: ScriptedWorld | None = None) -> Any:
    step_type = STEP_TYPES[key]
    return step_type.run(step_type.load(rendered), here or world())


def after(waited: Any) -> ScriptedWorld:
    """The world of a step whose wait is over."""
    return replace(world(), waited=waited)


def in_seconds(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# --- delay -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rendered", "until"),
    [
        ({"seconds": 90}, "2030-01-01T12:01:30+00:00"),
        ({"seconds": 0.5}, "2030-01-01T12:00:00.500000+00:00"),
        ({"until": "2030-01-01T14:00:00+01:00"}, "2030-01-01T14:00:00+01:00"),
        ({"until": "2030-06-01T00:00:00Z"}, "2030-06-01T00:00:00+00:00"),
        ({"until": "2030-06-01t00:00:00.25z"}, "2030-06-01T00:00:00.250000+00:00"),
    ],
)
def test_a_delay_waits_until_its_time_and_is_done_then(rendered: Any, until: str) -> None:
    assert run("delay", rendered) == Wait(datetime.fromisoformat(until), {"until": until})
    assert run("delay", rendered, after({"until": until})) == Done({"until": until})


@pytest.mark.parametrize("rendered", [{"seconds": 0}, {"until": "2029-12-31T23:59:59Z"}])
def test_a_time_that_has_passed_does_not_wait(rendered: Any) -> None:
    assert isinstance(run("delay", rendered), Done)


@pytest.mark.parametrize(
    ("rendered", "words"),
    [
        ({}, "either seconds or until"),
        ({"seconds": 1, "until": "2030-06-01T00:00:00Z"}, "either seconds or until"),
        ({"seconds": -1}, "0 or more"),
        ({"seconds": 367 * 86400}, "a year at most"),
        ({"seconds": "60"}, "must be a number"),
        ({"until": "2030-06-01T00:00:00"}, "offset from UTC"),
        ({"until": "2030-06-01"}, "offset from UTC"),
        ({"until": "2030-13-01T00:00:00Z"}, "offset from UTC"),
        ({"until": "2030-06-01T00:00:00+99:00"}, "offset from UTC"),
        ({"until": "2030-W01-1T00:00:00Z"}, "offset from UTC"),
        ({"until": "٢٠٣٠-06-01T00:00:00Z"}, "offset from UTC"),
        ({"until": "2031-06-01T00:00:00Z"}, "more than a year ahead"),
    ],
)
def test_a_delay_that_makes_no_sense_is_refused(rendered: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run("delay", rendered)


# --- wait_for_callback -------------------------------------------------------------------------


def test_a_callback_is_waited_for_with_its_schema() -> None:
    schema: Any = {"type": "object"}
    result = run("wait_for_callback", {"timeout": 60, "schema": schema})
    assert (result.until, result.answer, result.ask) == (
        in_seconds(60),
        "callback",
        {"schema": schema},
    )


def test_a_callback_is_waited_for_a_day_if_not_said() -> None:
    assert run("wait_for_callback", {}).until == in_seconds(86400)


def test_a_callback_that_never_came_expires_with_the_same_keys() -> None:
    waited = run("wait_for_callback", {}).state
    assert waited is not None
    result = run("wait_for_callback", {}, after(waited))
    assert result.outcome == "expired"
    assert result.output.keys() == STEP_TYPES["wait_for_callback"].output_keys


@pytest.mark.parametrize("key", ["wait_for_callback", "approval"])
@pytest.mark.parametrize(("seconds", "words"), [(0, "more than 0"), (2592001, "or less")])
def test_a_wait_has_a_longest_time(key: str, seconds: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STEP_TYPES[key].load(
            {"title": "x", "timeout": seconds} if key == "approval" else {"timeout": seconds}
        )


# --- approval ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "roles", "people"),
    [
        ({}, ["owner", "editor", "operator"], []),
        ({"roles": ["owner"]}, ["owner"], []),
        ({"people": "boss@shop.example"}, [], ["boss@shop.example"]),
        (
            {"people": ["a@shop.example", "b@shop.example"], "roles": ["viewer"]},
            ["viewer"],
            ["a@shop.example", "b@shop.example"],
        ),
    ],
)
def test_an_approval_says_who_may_decide(given: Any, roles: list[str], people: list[str]) -> None:
    result = run("approval", {"title": "Refund?", **given})
    assert (result.until, result.answer) == (in_seconds(7 * 86400), "approval")
    assert (result.ask["roles"], result.ask["people"]) == (roles, people)


def test_an_approval_shows_what_there_is_to_decide() -> None:
    form: Any = {"type": "object", "properties": {"amount": {"type": "number"}}}
    result = run("approval", {"title": "Refund?", "message": "120 EUR", "form": form})
    assert {key: result.ask[key] for key in ("title", "message", "form")} == {
        "title": "Refund?",
        "message": "120 EUR",
        "form": form,
    }


def test_an_approval_that_nobody_gave_expires_with_the_same_keys() -> None:
    result = run("approval", {"title": "Refund?"}, after({"expired_at": "..."}))
    assert result.outcome == "expired"
    assert result.output["decision"] == "expired"
    assert result.output.keys() == STEP_TYPES["approval"].output_keys


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"title": ""}, "at least 1 characters"),
        ({"roles": ["boss"]}, "'owner', 'editor', 'operator' or 'viewer'"),
        ({"people": ["boss"]}, "mail address"),
        ({"form": []}, "must be an object"),
    ],
)
def test_an_approval_that_nobody_could_give_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STEP_TYPES["approval"].load({"title": "Refund?", **given})


# --- poll --------------------------------------------------------------------------------------

POLL: dict[str, Any] = {
    "request": {"url": "https://api.example/jobs/1"},
    "until": "{{ response.body.state == 'done' }}",
    "interval": 10,
    "limit": 60,
}
DONE, BUSY = b'{"state": "done"}', b'{"state": "busy"}'


def asked(tries: int, seconds_ago: float) -> dict[str, Any]:
    return {"tries": tries, "started_at": in_seconds(-seconds_ago).isoformat()}


def test_a_poll_ends_with_the_answer_for_which_its_expression_holds() -> None:
    result = run("poll", POLL, world(answer(DONE)))
    assert result.outcome == "success"
    assert result.output.keys() == STEP_TYPES["poll"].output_keys
    assert (result.output["body"], result.output["tries"]) == ({"state": "done"}, 1)


def test_a_poll_asks_again_after_its_interval() -> None:
    assert run("poll", POLL, world(answer(BUSY))) == Wait(in_seconds(10), asked(1, 0))


def test_a_poll_counts_its_tries_and_keeps_its_start() -> None:
    here = replace(world(answer(BUSY)), waited=asked(3, 30))
    assert run("poll", POLL, here) == Wait(in_seconds(10), asked(4, 30))
    done = run("poll", POLL, replace(world(answer(DONE)), waited=asked(3, 30)))
    assert done.output["tries"] == 4


def test_a_poll_fails_when_its_next_try_would_be_over_the_limit() -> None:
    at_limit = replace(world(answer(BUSY)), waited=asked(5, 50))
    assert isinstance(run("poll", POLL, at_limit), Wait)
    over = replace(world(answer(BUSY)), waited=asked(5, 51))
    message = "After 6 tries in 60 s `until` still did not hold."
    assert run("poll", POLL, over) == Failed(Error("poll_limit", message, {"tries": 6}))


def test_a_polls_request_fails_as_an_http_step_does() -> None:
    failure = HttpFailure("timeout", "No answer.", sent=True)
    assert run("poll", POLL, world(failure)) == Failed(Error("timeout", "No answer.", sent=True))
    assert run("poll", POLL, world(answer(b"", 500))).error.status == 500


def test_every_try_of_a_writing_poll_is_a_call_of_its_own() -> None:
    keys = []
    for waited in (None, asked(1, 10), asked(1, 10)):
        here = replace(world(answer(BUSY)), waited=waited)
        run("poll", {**POLL, "request": {**POLL["request"], "method": "PUT"}}, here)
        keys.append(here.http.sent[0].headers["Idempotency-Key"])
    assert keys == ["run.step.1", "run.step.2", "run.step.2"]


@pytest.mark.parametrize("value", ["{{ 1 }}", "{{ 'true' }}", "{{ none }}", "yes {{ true }}"])
def test_a_poll_takes_nothing_but_a_boolean(value: str) -> None:
    with pytest.raises(ConfigError, match=r"with\.until: This must be true or false"):
        run("poll", {**POLL, "until": value})


def test_what_a_poll_does_not_find_in_the_answer_is_an_error() -> None:
    with pytest.raises(ExpressionError, match=r"response\.body\.stat is undefined"):
        run("poll", {**POLL, "until": "{{ response.body.stat }}"}, world(answer(DONE)))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"until": "true"}, ("until",)),
        ({"until": True}, ("until",)),
        ({"interval": 0.5}, ("interval",)),
        ({"limit": 7 * 86400 + 1}, ("limit",)),
        ({"request": {"url": "/jobs"}}, ("request", "url")),
        ({"request": {"url": "https://a.example", "body": 1}}, ("request", "body")),
    ],
)
def test_a_poll_that_makes_no_sense_is_refused(given: Any, place: tuple[str, ...]) -> None:
    (found,) = config_problems(STEP_TYPES["poll"], {**POLL, **given})
    assert found.location == place
