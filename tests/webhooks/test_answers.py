"""What callers are answered: at once, with the run's result, or with what its respond step says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings

from executions import services as executions
from executions.models import Execution
from tenants import scope
from tests.executions.driving import drained, working
from tests.webhooks.senders import BODY, Address, make_address, plain_hmac, standard
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

DOUBLE = document(
    step("a", kind="transform", config={"value": "{{ trigger.body.n * 2 }}"}),
    output="{{ steps.a.output }}",
)
FAILING = document(step("a", kind="fail", config={"message": "of no business of theirs"}))
ID = "X-Request-ID"  # each request's own
SAYING = {"status": 201, "headers": {"X-Order": "7"}, "json": {"ok": "ü"}}
RESPONDING = document(step("r", kind="respond", config=SAYING), step("later", "r"))
SANDBOX = "sandbox; default-src 'none'"


def responding(**config: Any) -> dict[str, Any]:
    return document(step("r", kind="respond", config=config))


@pytest.fixture(name="working")
def _working() -> Iterator[None]:
    with working():
        yield


def endpoint(answer: str, definition: dict[str, Any] = DOUBLE) -> Address:
    return make_address(answer=answer, definition=definition)


def post(address: Address, body: bytes = b'{"n": 21}', *, delivery_id: str = "msg_1") -> Any:
    headers = standard(address, body, delivery_id=delivery_id)
    return Client().post(address.path, body, content_type="application/json", headers=headers)


def run_of(address: Address) -> Execution:
    with scope.tenant(address.tenant.id):
        return Execution.objects.get()


def facts(answer: HttpResponse) -> dict[str, Any]:
    """The body, whose ids must be whole."""
    body: dict[str, Any] = json.loads(answer.content)
    assert UUID(body["delivery_id"])
    assert body["status_url"].endswith(f"/api/v1/executions/{UUID(body['execution_id'])}/")
    return body


# --- result ------------------------------------------------------------------------------------


def test_the_result_is_how_the_run_ended_and_its_output(working: None) -> None:
    answer = post(endpoint("result"))
    assert answer.status_code == 200
    assert (facts(answer)["status"], facts(answer)["output"]) == ("succeeded", 42)


def test_a_failed_run_is_an_error_that_does_not_say_why(working: None) -> None:
    answer = post(endpoint("result", FAILING))
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert b"business" not in answer.content
    body = facts(answer)
    assert body["type"] == "urn:stepwell:problem:execution-failed"
    assert (body["status"], body["execution_status"]) == (500, "failed")
    assert body["detail"] == "The execution failed."


@override_settings(MAX_WAIT_SECONDS=0.05)
def test_a_run_that_was_cancelled_is_an_error_too() -> None:
    address = endpoint("result")
    assert post(address).status_code == 202
    with scope.tenant(address.tenant.id):
        executions.stop(Execution.objects.get(), by="test")
    again = post(address)
    assert (again.status_code, facts(again)["execution_status"]) == (500, "cancelled")


@pytest.mark.parametrize("answer", ["result", "respond"])
@override_settings(MAX_WAIT_SECONDS=0.05)
def test_a_run_that_takes_longer_is_answered_with_its_address(answer: str) -> None:
    address = endpoint(answer, RESPONDING)
    response = post(address)
    assert response.status_code == 202
    assert set(facts(response)) == {"delivery_id", "execution_id", "status_url"}
    assert facts(response)["execution_id"] == str(run_of(address).id)


@override_settings(MAX_WAITERS=0)
def test_where_too_many_wait_the_address_comes_at_once() -> None:
    address = endpoint("result")
    assert post(address).status_code == 202
    assert run_of(address).status == "queued"


# --- respond -----------------------------------------------------------------------------------


def test_the_respond_step_says_status_headers_and_body(working: None) -> None:
    answer = post(endpoint("respond", RESPONDING))
    assert (answer.status_code, answer.content) == (201, '{"ok":"ü"}'.encode())
    assert answer["Content-Type"] == "application/json"
    assert answer["X-Order"] == "7"


def test_a_browser_may_run_nothing_of_it(working: None) -> None:
    headers = {"content-type": "application/xml"}
    answer = post(endpoint("respond", responding(body="<a/>", headers=headers)))
    assert answer["Content-Security-Policy"] == SANDBOX
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("config", "status", "content", "content_type"),
    [
        ({}, 200, b"", None),
        ({"body": ""}, 200, b"", "text/plain; charset=utf-8"),
        ({"body": "a\r\n\u20ac"}, 200, "a\r\n€".encode(), "text/plain; charset=utf-8"),
        ({"json": None}, 200, b"null", "application/json"),
        (
            {"body": "a;b", "headers": {"Content-Type": "text/csv"}, "status": 404},
            404,
            b"a;b",
            "text/csv",
        ),
        ({"status": 204}, 204, b"", None),
        ({"status": 304, "body": "not sent"}, 304, b"", "text/plain; charset=utf-8"),
        ({"status": 599, "body": "x"}, 599, b"x", "text/plain; charset=utf-8"),
        ({"headers": {"x-a": "\u20ac"}}, 200, b"", None),
    ],
)
def test_an_answer_is_as_the_step_says(
    working: None, config: dict[str, Any], status: int, content: bytes, content_type: str | None
) -> None:
    answer = post(endpoint("respond", responding(**config)))
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.get("Content-Type") == content_type
    assert answer["Content-Security-Policy"] == SANDBOX


def test_a_run_that_succeeds_without_responding_is_answered_with_its_status(working: None) -> None:
    branch = step("r", kind="respond", when="{{ false }}")
    answer = post(endpoint("respond", document(branch, output="kept to ourselves")))
    assert (answer.status_code, facts(answer)["status"]) == (200, "succeeded")
    assert "output" not in facts(answer)


def test_a_run_that_fails_without_responding_is_an_error(working: None) -> None:
    broken = step("a", kind="transform", config={"value": "{{ trigger.body.missing }}"})
    failing = document(broken, step("r", "a", kind="respond"))
    answer = post(endpoint("respond", failing))
    assert (answer.status_code, facts(answer)["execution_status"]) == (500, "failed")


def test_a_run_that_fails_after_responding_is_answered_with_what_it_said(working: None) -> None:
    failing = document(step("r", kind="respond", config=SAYING), step("a", "r", kind="fail"))
    assert post(endpoint("respond", failing)).status_code == 201


# --- Duplicates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "definition", "status"),
    [("result", DOUBLE, 200), ("result", FAILING, 500), ("respond", RESPONDING, 201)],
)
def test_a_duplicate_gets_the_same_answer(
    working: None, answer: str, definition: dict[str, Any], status: int
) -> None:
    address = endpoint(answer, definition)
    first, again = post(address), post(address)
    assert first.status_code == again.status_code == status
    assert first.content == again.content
    assert {**first.headers, ID: ""} == {**again.headers, ID: ""}
    assert run_of(address)


@override_settings(MAX_WAIT_SECONDS=0.05)
def test_a_duplicate_gets_the_answer_that_the_first_had_no_patience_for() -> None:
    address = endpoint("respond", RESPONDING)
    assert post(address).status_code == 202
    assert post(address).status_code == 202, "its run is still open"
    drained(run_of(address))
    assert post(address).status_code == 201


@override_settings(MAX_WAIT_SECONDS=0.05)
def test_a_duplicate_whose_run_is_forgotten_is_told_that_it_came_before() -> None:
    address = endpoint("result")
    post(address)
    run = run_of(address)
    with scope.tenant(address.tenant.id):
        run.delete()
    again = post(address)
    assert again.status_code == 200
    assert json.loads(again.content)["execution_id"] is None


# --- Whatever is asked -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("answer", ["result", "respond"])
def test_only_a_post_is_answered_so(answer: str, method: str) -> None:
    address = endpoint(answer, RESPONDING)
    assert getattr(Client(), method)(address.path).status_code == 405


def test_slacks_slash_command_is_answered_in_place(working: None) -> None:
    definition = document(
        step(
            "r",
            kind="respond",
            config={"json": {"text": "Weather for {{ trigger.body.text }}"}},
            when="{{ trigger.body.command == '/weather' }}",
        )
    )
    address = make_address("generic", answer="respond", definition=definition)
    body = urlencode({"command": "/weather", "text": "94070 & more", "user_id": "U1"}).encode()
    answer = Client().post(
        address.path,
        body,
        content_type="application/x-www-form-urlencoded",
        headers=plain_hmac(address.secret, body),
    )
    assert answer.json() == {"text": "Weather for 94070 & more"}


def test_slacks_interactive_message_is_json_in_a_field(working: None) -> None:
    value = "{{ (trigger.body.payload | fromjson).actions[0].value }}"
    address = make_address("generic", answer="respond", definition=responding(body=value))
    payload = json.dumps({"type": "block_actions", "actions": [{"value": "approve"}]})
    body = urlencode({"payload": payload}).encode()
    answer = Client().post(
        address.path,
        body,
        content_type="application/x-www-form-urlencoded",
        headers=plain_hmac(address.secret, body),
    )
    assert answer.content == b"approve"


def test_what_is_refused_waits_for_nothing() -> None:
    address = endpoint("respond", RESPONDING)
    refused = Client().post(
        address.path, b"<a/>", content_type="application/xml", headers=standard(address, b"<a/>")
    )
    assert refused.status_code == 415
    assert Client().post(address.path, BODY, content_type="application/json").status_code == 401
