"""What leaves in a try and what may be kept of it: calls, secrets. No database."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from executions import runner
from executions.runner import LeaseLostError
from executions.runs import Settings, StepFacts
from tests.bad_servers import Behaviour, answer, drip_body, gzip_bomb, serving
from tests.executions.trying import (
    RUN,
    TOKEN,
    attempt,
    call,
    claim_of,
    error_of,
    transform,
)
from tests.workflows.definitions import step
from workflows.definition import JSON
from workflows.steps.base import Done, HttpRequest, Result, World
from workflows.steps.http import Http
from workflows.steps.http_config import HttpConfig
from workflows.steps.registry import STEP_TYPES
from workflows.steps.transform import Transform, TransformConfig

pytestmark = pytest.mark.usefixtures("loopback")


# --- Calls -------------------------------------------------------------------------------------


def test_a_call_is_made_and_its_answer_kept() -> None:
    reply = answer(b'{"id": 5}', headers=("Content-Type: application/json",))
    with serving(reply) as server:
        tried = attempt(call(server.url("/orders/{{ trigger.body.n }}")))
    assert isinstance(tried.result, Done)
    assert isinstance(tried.result.output, dict)
    assert tried.result.output["status"] == 200
    assert tried.result.output["body"] == {"id": 5}
    assert server.requests[0].startswith(b"GET /orders/7 ")
    assert tried.repeatable


@pytest.mark.parametrize(("method", "noted"), [("GET", 0), ("PUT", 0), ("POST", 1), ("PATCH", 1)])
def test_only_a_call_that_must_not_be_repeated_is_noted_first(method: str, noted: int) -> None:
    marks: list[JSON] = []
    with serving(answer()) as server:
        tried = attempt(call(server.url(), method, body="x"), marks=marks)
    assert len(marks) == noted
    assert tried.repeatable is not bool(noted)


def test_a_post_to_an_idempotent_service_need_not_be_noted() -> None:
    marks: list[JSON] = []
    with serving(answer()) as server:
        tried = attempt({**call(server.url(), "POST"), "idempotent": True}, marks=marks)
    assert tried.repeatable
    assert marks == []


def test_nothing_leaves_once_the_lease_is_lost() -> None:
    with serving(answer()) as server, pytest.raises(LeaseLostError):
        runner.run(claim_of(call(server.url(), "POST")), Settings(), lambda _: False)
    assert server.connections == 0


def test_a_database_that_is_away_before_the_call_is_no_failure_of_the_step() -> None:
    def away(_: JSON) -> bool:
        raise psycopg.OperationalError("the server closed the connection")

    with serving(answer()) as server, pytest.raises(psycopg.OperationalError):
        runner.run(claim_of(call(server.url(), "POST")), Settings(), away)
    assert server.connections == 0


def test_a_write_carries_a_key_that_every_attempt_shares() -> None:
    with serving(answer()) as server:
        attempt(call(server.url(), "POST"))
        attempt(call(server.url(), "POST"))
    keys = [_header(request, b"idempotency-key") for request in server.requests]
    assert keys == [f"{RUN}.a".encode()] * 2


def _header(request: bytes, name: bytes) -> bytes:
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return {key.lower(): value.strip() for key, _, value in (x.partition(b":") for x in lines)}[
        name
    ]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data/", "blocked"),
        ("http://10.0.0.1/", "blocked"),
        ("http://[::ffff:169.254.169.254]/", "blocked"),
        ("file:///etc/passwd", "config"),
        ("gopher://127.0.0.1/", "config"),
    ],
)
def test_a_forbidden_address_is_a_clear_failure(url: str, kind: str) -> None:
    # By way of an expression: what stands in a definition is refused when it is published.
    tried = attempt(
        call("{{ steps.before.output }}"),
        facts={"before": StepFacts(output=url, outcome="success", error=None)},
    )
    error = error_of(tried)
    assert (error.kind, error.sent) == (kind, False)
    assert "Traceback" not in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize(("behaviour", "kind"), [(drip_body, "timeout"), (gzip_bomb, "too_large")])
def test_the_worst_servers_end_in_a_failure_too(behaviour: Behaviour, kind: str) -> None:
    with serving(behaviour) as server:
        error = error_of(attempt({**call(server.url()), "timeout": 0.5}))
    assert (error.kind, error.sent) == (kind, True)


class Broken(Transform):
    """A step type with a bug in it."""

    def run(self, config: TransformConfig, world: World) -> Result:
        raise RuntimeError("/etc/internal detail")


def test_an_error_inside_a_step_type_shows_nothing_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(STEP_TYPES, "transform", Broken())
    error = error_of(attempt(transform(1)))
    assert error.kind == "internal"
    assert "detail" not in error.message


class Quoting(Http):
    """A step type with a bug in it: its error quotes what came back."""

    def run(self, config: HttpConfig, world: World) -> Result:
        response = world.http.send(HttpRequest("GET", config.url, config.headers, None, 5))
        raise RuntimeError(response.body.decode("latin-1"))


def test_an_error_that_quotes_a_secret_is_logged_without_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(STEP_TYPES, "http", Quoting())
    with serving(echo) as server:
        under_test = call(server.url(), headers={"X-Key": "{{ secrets.token }}"})
        error = error_of(attempt(under_test, secrets={"token": TOKEN}))
    assert error.kind == "internal"
    [record] = [record for record in caplog.records if "step type failed" in str(record.msg)]
    logged = f"{record.msg!r} {record.exc_info!r} {caplog.text}"
    assert "RuntimeError" in logged
    assert "[secret token]" in logged
    assert not [spelt for spelt in spellings(TOKEN) if spelt.decode() in logged]


# --- Secrets -----------------------------------------------------------------------------------


def spellings(value: str) -> list[bytes]:
    """How a secret may come back or be written down."""
    raw = value.encode()
    return [
        raw,
        quote(value, safe="").encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        json.dumps(value)[1:-1].encode(),
    ]


def echo(sock: Any, request: bytes) -> None:
    """Answer with all that was sent, and with the secret in other spellings."""
    answer(request + b" " + b" ".join(spellings(TOKEN)), headers=("Content-Type: text/plain",))(
        sock, request
    )


def refuse_with_echo(sock: Any, request: bytes) -> None:
    answer(request + b" ".join(spellings(TOKEN)), "500 No", ("Content-Type: text/plain",))(
        sock, request
    )


PLACES: dict[str, dict[str, Any]] = {
    "query": {"query": {"key": "{{ secrets.token }}"}},
    "json": {"method": "POST", "json": {"deep": ["{{ secrets.token }}"]}},
    "form": {"method": "POST", "form": {"key": "{{ secrets.token }}"}},
    "body": {"method": "POST", "body": "key={{ secrets.token }}"},
    "auth": {"auth": {"username": "u", "password": "{{ secrets.token }}"}},
}


@pytest.mark.parametrize("behaviour", [echo, refuse_with_echo])
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_reaches_the_other_side_and_no_record(place: str, behaviour: Behaviour) -> None:
    marks: list[JSON] = []
    with serving(behaviour) as server:
        under_test = step("a", kind="http", config={"url": server.url(), **PLACES[place]})
        tried = attempt(under_test, secrets={"token": TOKEN}, marks=marks)
    [request] = server.requests
    assert any(
        spelt in request
        for spelt in (
            *spellings(TOKEN),
            b"s3cr3t%2F%2Bt%C3%B6k+en",
            base64.b64encode(f"u:{TOKEN}".encode()),
        )
    ), request
    kept = repr((tried, marks)).encode()
    for spelt in spellings(TOKEN):
        assert spelt not in kept
    assert "[secret token]" in json.dumps(tried.input)
    assert "secret." not in repr(tried)


def test_a_payload_cannot_name_a_secret() -> None:
    """The text of a placeholder, as far as it can be known, is only a text."""
    guess = StepFacts(output="secret.0000000000000000.token.", outcome="success", error=None)
    body = {"method": "POST", "body": "{{ steps.before.output }} {{ secrets.token }}"}
    with serving(answer()) as server:
        under_test = step("a", kind="http", config={"url": server.url(), **body})
        attempt(under_test, secrets={"token": TOKEN}, facts={"before": guess})
    assert server.requests[0].endswith(f"secret.0000000000000000.token. {TOKEN}".encode())
