"""One try of one step: what is rendered, what leaves, what may be kept. No database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from executions import callbacks
from executions.callbacks import Callback
from executions.runs import Item, Skip, StepFacts
from tests.bad_servers import answer, serving
from tests.executions.trying import (
    RUN,
    TENANT,
    attempt,
    call,
    claim_of,
    error_of,
    transform,
    tried,
)
from tests.workflows.definitions import step
from workflows.definition import JSON
from workflows.steps.base import Done, ForEach, Wait

pytestmark = pytest.mark.usefixtures("loopback")


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
