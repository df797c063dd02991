"""One try of one step: what is rendered, what leaves, what may be kept. No database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest
from django.conf import LazySettings

from executions import callbacks, runner
from executions.callbacks import Callback
from executions.egress import networks
from executions.plan import compile_plan
from executions.runner import LeaseLostError
from executions.runs import Attempt, Claim, Item, Run, Settings, Skip, StepFacts
from executions.states import ExecutionStatus
from tests.bad_servers import Behaviour, answer, drip_body, gzip_bomb, serving
from tests.workflows.definitions import document, step
from workflows.definition import JSON
from workflows.steps.base import Done, Error, Failed, ForEach, Result, Wait, World
from workflows.steps.registry import STEP_TYPES
from workflows.steps.transform import Transform, TransformConfig

RUN, STEP, TENANT = UUID(int=1), UUID(int=2), UUID(int=3)
TOKEN = "s3cr3t/+tök en"
TRIGGER: JSON = {"kind": "manual", "body": {"n": 7, "paid": True}, "headers": {}, "query": {}}


@pytest.fixture(autouse=True)
def loopback_allowed(settings: LazySettings) -> Iterator[None]:
    """The egress policy is read once a process."""
    settings.EGRESS_ALLOW = networks("127.0.0.0/8")
    runner._client.cache_clear()
    yield
    runner._client.cache_clear()


def claim_of(
    under_test: dict[str, Any],
    facts: dict[str, StepFacts] | None = None,
    *,
    wait: JSON = None,
    item: Item | None = None,
    beside: tuple[dict[str, Any], ...] = (),
) -> Claim:
    """A claim of this step, which comes after the step `before`."""
    plan = compile_plan(document(step("before"), {**under_test, "needs": ["before"]}, *beside))
    run = Run(
        tenant_id=TENANT,
        execution_id=RUN,
        version_id=UUID(int=4),
        workflow_id=UUID(int=5),
        kind="manual",
        plan=plan,
        status=ExecutionStatus.RUNNING,
        seq=1,
        states={},
        trigger=TRIGGER,
        execution={"id": str(RUN), "workflow": "orders", "version": 3},
        tenant={"slug": "acme", "name": "Acme"},
        key_root=str(RUN),
        item=item,
        facts=facts or {},
    )
    return Claim(run, STEP, under_test["key"], fence=1, attempt=1, wait=wait)


def attempt(
    under_test: dict[str, Any],
    *,
    facts: dict[str, StepFacts] | None = None,
    secrets: dict[str, str] | None = None,
    variables: dict[str, JSON] | None = None,
    marks: list[JSON] | None = None,
) -> Attempt:
    def mark(sent: JSON) -> bool:
        if marks is not None:
            marks.append(sent)
        return True

    given = Settings(secrets or {}, variables or {})
    return runner.run(claim_of(under_test, facts), given, mark)


def tried(claim: Claim) -> Attempt:
    """The claim, tried; nothing hinders its calls."""
    return runner.run(claim, Settings(), lambda _: True)


def transform(value: JSON, **more: Any) -> dict[str, Any]:
    return step("a", kind="transform", config={"value": value}, **more)


def call(url: str, method: str = "GET", **config: Any) -> dict[str, Any]:
    return step("a", kind="http", config={"method": method, "url": url, **config})


def error_of(tried: Attempt) -> Error:
    assert isinstance(tried.result, Failed), tried.result
    return tried.result.error


# --- Rendering ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ trigger.body.n + 1 }}", 8),
        ("{{ trigger.body }}", {"n": 7, "paid": True}),
        ("n is {{ trigger.body.n }}", "n is 7"),
        ("{{ steps.before.output }}", [1]),
        ("{{ steps.before.outcome }}", "success"),
        ("{{ vars.region }}", "eu"),
        ("{{ execution.workflow }} {{ execution.version }}", "orders 3"),
        ("{{ tenant.slug }}", "acme"),
    ],
)
def test_a_template_sees_the_whole_scope(template: str, value: JSON) -> None:
    facts = {"before": StepFacts(output=[1], outcome="success", error=None)}
    tried = attempt(transform(template), facts=facts, variables={"region": "eu"})
    assert tried.result == Done(value)
    assert tried.input == {"value": value}


def test_a_step_that_has_not_ended_has_no_results() -> None:
    assert attempt(transform("{{ steps.before.output }}")).result == Done(None)


@pytest.mark.parametrize(
    ("under_test", "message"),
    [
        (
            transform("{{ trigger.body.m }}"),
            "with.value: trigger.body.m is undefined; available: n, paid",
        ),
        (
            transform({"list": [1, {"x": "{{ trigger.body.gone.deep }}"}]}),
            "with.value.list[1].x: trigger.body.gone is undefined; available: n, paid",
        ),
        (
            transform(1, when="{{ trigger.body.payed }}"),
            "when: trigger.body.payed is undefined; did you mean 'paid'?",
        ),
        (call("{{ secrets.token }}"), "with.url: secrets.token is undefined"),
        (transform("{{ 1 / 0 }}"), "with.value: "),
    ],
)
def test_an_expression_that_fails_names_its_field(under_test: dict[str, Any], message: str) -> None:
    error = error_of(attempt(under_test))
    assert error.kind == "expression"
    assert error.message.startswith(message)
    assert not error.sent


@pytest.mark.parametrize(
    ("under_test", "message"),
    [
        (step("a", kind="condition", config={"if": "{{ trigger.body.n }}"}), "with.if: "),
        (call("{{ trigger.body.n }}"), "with.url: "),
        (transform(1, when="{{ trigger.body.n }}"), "when: This must be true or false."),
        (transform("{{ '\\ud800' }}"), "with: "),
    ],
)
def test_a_value_of_the_wrong_type_is_said_to_be_so(
    under_test: dict[str, Any], message: str
) -> None:
    error = error_of(attempt(under_test))
    assert error.kind == "config"
    assert error.message.startswith(message)


def test_a_guard_is_looked_at_before_anything_else() -> None:
    bad = transform("{{ trigger.body.gone }}", when="{{ trigger.body.n > 100 }}")
    assert attempt(bad).result == Skip()
    assert attempt(transform(1, when="{{ trigger.body.paid }}")).result == Done(1)


def test_a_step_of_an_item_sees_the_item() -> None:
    item = Item("apple", 3, around=(UUID(int=9),))
    claim = claim_of(transform(["{{ item }}", "{{ index }}"]), item=item)
    assert tried(claim).result == Done(["apple", 3])
    assert claim.run.idempotency_key("a") == f"{RUN}.a.3"


def test_outside_a_body_there_is_no_item() -> None:
    assert error_of(attempt(transform("{{ item }}"))).message.startswith("with.value: item ")


def test_a_step_hands_out_the_address_of_another() -> None:
    waits = step("call", kind="wait_for_callback")
    result = tried(claim_of(transform("{{ callbacks.call }}"), beside=(waits,))).result
    assert result == Done(callbacks.address(Callback(TENANT, RUN, "call")))


def test_a_line_of_a_log_step_is_kept() -> None:
    lines = attempt(step("a", kind="log", config={"message": "n={{ trigger.body.n }}"})).logs
    assert [(line.level, line.message) for line in lines] == [("info", "n=7")]


# --- Waits -------------------------------------------------------------------------------------


def test_what_a_type_evaluates_itself_is_handed_to_it_as_it_is_written() -> None:
    form = {"type": "object", "title": "{{ trigger.body.gone }}"}
    ask = step("a", kind="approval", config={"title": "{{ trigger.body.n }}?", "form": form})
    result = attempt(ask).result
    assert isinstance(result, Wait)
    assert isinstance(result.ask, dict)
    assert (result.ask["title"], result.ask["form"]) == ("7?", form)


def poll(url: str) -> dict[str, Any]:
    until = "{{ response.body.id == trigger.body.n }}"
    return step("a", kind="poll", config={"request": {"url": url}, "until": until})


@pytest.mark.parametrize(("ident", "ends"), [(7, True), (8, False)])
def test_a_deferred_expression_sees_the_steps_names_and_the_types_own(
    ident: int, ends: bool
) -> None:
    reply = answer(b'{"id": %d}' % ident, headers=("Content-Type: application/json",))
    with serving(reply) as server:
        result = attempt(poll(server.url())).result
    assert isinstance(result, Done if ends else Wait)


def test_a_deferred_expression_that_fails_is_the_steps_failure() -> None:
    with serving(answer()) as server:
        error = error_of(attempt(poll(server.url())))
    assert error.kind == "expression"
    assert "id" in error.message


def test_a_step_whose_wait_is_over_knows_what_it_waited_for() -> None:
    pause = step("a", kind="delay", config={"seconds": 60})
    first = tried(claim_of(pause)).result
    assert isinstance(first, Wait)
    wait: JSON = {"for": "time", "state": first.state, "ask": None}
    assert tried(claim_of(pause, wait=wait)).result == Done(first.state)


def test_a_guard_is_not_looked_at_when_a_wait_is_over() -> None:
    guarded = step("a", kind="delay", when="{{ trigger.body.n > 100 }}")
    assert tried(claim_of(guarded)).result == Skip()
    assert isinstance(tried(claim_of(guarded, wait={"state": {"until": "x"}})).result, Done)


def test_the_items_are_kept_as_they_were_rendered() -> None:
    body = [step("one", config={"message": "x"})]
    config = {"items": ["{{ trigger.body.n }}"], "steps": body}
    made = attempt(step("a", kind="for_each", config=config))
    assert made.result == ForEach((7,), parallel=5, collect=False)
    assert isinstance(made.input, dict)
    assert made.input["items"] == [7]


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
