"""The step types that start others, send and answer: for_each, sub_workflow, email, respond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.workflows.worlds import ScriptedMailer, ScriptedWorld, world
from workflows.steps.base import (
    ConfigError,
    Done,
    Error,
    Failed,
    ForEach,
    Mail,
    MailFailure,
    StartWorkflow,
    config_problems,
)
from workflows.steps.registry import STEP_TYPES


def run(key: str, rendered: dict[str, Any], here: ScriptedWorld | None = None) -> Any:
    step_type = STEP_TYPES[key]
    return step_type.run(step_type.load(rendered), here or world())


# --- for_each ----------------------------------------------------------------------------------

BODY: dict[str, Any] = {"steps": [{"key": "one", "type": "log"}]}


def test_a_for_each_hands_over_its_items() -> None:
    assert run("for_each", {"items": [1, None, {"a": [2]}], **BODY}) == ForEach(
        (1, None, {"a": [2]}), parallel=5, collect=False
    )
    more = {"parallel": 10, "on_item_failure": "collect"}
    assert run("for_each", {"items": [1], **more, **BODY}) == ForEach((1,), 10, collect=True)


def test_a_for_each_over_nothing_is_done() -> None:
    result = run("for_each", {"items": [], **BODY})
    assert result == Done({"results": [], "errors": [], "succeeded": 0, "failed": 0})
    assert result.output.keys() == STEP_TYPES["for_each"].output_keys


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"items": {"a": 1}}, "not an object: take its values with"),
        ({"items": "abc"}, "a list, not text"),
        ({"items": None}, "a list, not null"),
        ({"items": [0] * 1001}, "at most 1000 items, not 1001"),
        ({"parallel": 0}, "1 or more"),
        ({"parallel": 11}, "10 or less"),
        ({"on_item_failure": "ignore"}, "'fail' or 'collect'"),
    ],
)
def test_a_for_each_that_makes_no_sense_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STEP_TYPES["for_each"].load({"items": [1], **BODY, **given})


# --- sub_workflow ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, StartWorkflow("child", {}, wait=True)),
        ({"input": [1], "wait": False}, StartWorkflow("child", [1], wait=False)),
        ({"input": None}, StartWorkflow("child", None, wait=True)),
    ],
)
def test_a_sub_workflow_is_started_with_its_input(given: Any, expected: StartWorkflow) -> None:
    assert run("sub_workflow", {"workflow": "child", **given}) == expected


@pytest.mark.parametrize("slug", ["{{ trigger.body.which }}", "Two Words", "", 5])
def test_a_sub_workflow_is_named_by_a_slug_and_no_expression(slug: Any) -> None:
    (found,) = config_problems(STEP_TYPES["sub_workflow"], {"workflow": slug})
    assert found.location == ("workflow",)


# --- email -------------------------------------------------------------------------------------

MAIL: dict[str, Any] = {"to": "ops@shop.example", "subject": "Paid", "text": "It is paid."}


def test_a_mail_goes_to_everybody_named() -> None:
    here = world()
    people: dict[str, Any] = {
        "to": ["a@shop.example", "b+c@mail.shop.example"],
        "cc": "c@shop.example",
        "bcc": ["d@shop.example"],
        "reply_to": "e@shop.example",
    }
    assert run("email", {**MAIL, **people, "html": "<p>"}, here) == Done({"to": people["to"]})
    assert here.mail.sent == [
        Mail(
            to=("a@shop.example", "b+c@mail.shop.example"),
            cc=("c@shop.example",),
            bcc=("d@shop.example",),
            reply_to=("e@shop.example",),
            subject="Paid",
            text="It is paid.",
            html="<p>",
        )
    ]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (MailFailure("No.", sent=False, kind="connect"), Error("connect", "No.")),
        (MailFailure("No.", sent=False), Error("mail", "No.")),
        (MailFailure("No.", sent=True), Error("broken", "No.", sent=True)),
    ],
)
def test_a_mail_that_was_not_taken_fails(failure: MailFailure, error: Error) -> None:
    here = replace(world(), mail=ScriptedMailer(failure))
    assert run("email", MAIL, here) == Failed(error)


def test_a_mail_is_not_sent_twice_blindly() -> None:
    email = STEP_TYPES["email"]
    assert not email.repeatable(email.load(MAIL))
    assert email.default_retry is not None
    assert email.default_retry.on == ("connect",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"to": []}, "somebody to go to"),
        ({"to": ["a@shop.example"] * 51}, "at most 50 addresses"),
        ({"to": "ops"}, "mail address"),
        ({"to": "ops@localhost"}, "mail address"),
        ({"to": "a@shop.example, b@shop.example"}, "mail address"),
        ({"to": "Ops <ops@shop.example>"}, "mail address"),
        ({"to": "ops@shop.example\nBcc: x@evil.example"}, "mail address"),
        ({"to": "ops@shop.example\n"}, "mail address"),
        ({"to": "x" * 65 + "@shop.example"}, "mail address"),
        ({"cc": "ops"}, r"with\.cc\[0\]"),
        ({"bcc": "ops"}, r"with\.bcc\[0\]"),
        ({"reply_to": "ops"}, r"with\.reply_to\[0\]"),
        ({"subject": "Paid\nBcc: x@evil.example"}, "one line"),
        ({"subject": "Paid\r"}, "one line"),
        ({"subject": "Paid\u2028"}, "one line"),
        ({"subject": ""}, "at least 1 characters"),
        ({"text": None}, "needs text or html"),
    ],
)
def test_a_mail_that_cannot_be_sent_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STEP_TYPES["email"].load({**MAIL, **given})


# --- respond -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status", "headers", "body"),
    [
        ({}, 200, {}, ""),
        ({"json": {"a": "ü"}}, 200, {"content-type": "application/json"}, '{"a":"ü"}'),
        ({"json": None}, 200, {"content-type": "application/json"}, "null"),
        ({"json": "x"}, 200, {"content-type": "application/json"}, '"x"'),
        ({"body": "x"}, 200, {"content-type": "text/plain; charset=utf-8"}, "x"),
        (
            {"status": 422, "body": "<x/>", "headers": {"Content-Type": "text/xml", "X-Id": 5}},
            422,
            {"content-type": "text/xml", "x-id": "5"},
            "<x/>",
        ),
    ],
)
def test_a_response_is_what_the_caller_gets(
    given: Any, status: int, headers: dict[str, str], body: str
) -> None:
    output: Any = {"status": status, "headers": headers, "body": body}
    assert run("respond", given) == Done(output)


@pytest.mark.parametrize("status", [100, 199, 600, "200", True])
def test_a_response_has_a_final_status(status: Any) -> None:
    with pytest.raises(ConfigError, match=r"with\.status"):
        STEP_TYPES["respond"].load({"status": status})


@pytest.mark.parametrize(
    "name",
    [
        *("Set-Cookie", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Host"),
        *("Location", "Refresh", "Clear-Site-Data", "Content-Security-Policy", "Alt-Svc", "Link"),
        *("Access-Control-Allow-Origin", "Strict-Transport-Security", "WWW-Authenticate", "Server"),
        *("X-Frame-Options", "X-Accel-Redirect", "X-Sendfile", "X-Content-Type-Options", "Date"),
        *("x-forwarded-for", "X Y", "X-\r\nSet-Cookie", ""),
    ],
)
def test_a_response_sets_no_header_that_is_not_its_own(name: str) -> None:
    with pytest.raises(ConfigError, match=r"with\.headers"):
        STEP_TYPES["respond"].load({"headers": {name: "x"}})


@pytest.mark.parametrize(
    "value",
    [
        "text/html",
        "TEXT/HTML; charset=x",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
    ],
)
def test_a_response_is_no_page(value: str) -> None:
    with pytest.raises(ConfigError, match="for pages"):
        STEP_TYPES["respond"].load({"headers": {"content-type": value}})


@pytest.mark.parametrize("value", ["text/plain; charset=iso-8859-1", "text/csv;charset='x"])
def test_a_response_is_in_utf_8(value: str) -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        STEP_TYPES["respond"].load({"headers": {"content-type": value}})
    STEP_TYPES["respond"].load({"headers": {"content-type": 'text/plain; charset="UTF-8"'}})


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\x00"])
def test_a_response_header_is_one_line(value: str) -> None:
    with pytest.raises(ConfigError, match="line breaks"):
        STEP_TYPES["respond"].load({"headers": {"x-id": value}})


def test_a_response_has_one_body() -> None:
    with pytest.raises(ConfigError, match="one body"):
        STEP_TYPES["respond"].load({"json": 1, "body": "x"})
