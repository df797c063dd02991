"""Steps that sleep in the database: until a time, or until an answer says that it is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from executions import services, sweeper
from executions.models import Execution
from tenants import scope
from tenants.models import Variable
from tests import factories
from tests.bad_servers import Behaviour, answer, hang_up, serving
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    events,
    expire_lease,
    finish,
    fresh,
    kinds,
    let_time_pass,
    new_worker,
    output_of,
    started,
    statuses,
    step_run,
)
from tests.executions.test_worker import in_turn
from tests.workflows.definitions import document, step
from workflows.steps.base import Wait

pytestmark = pytest.mark.usefixtures("committed_db", "loopback")

PAUSE = step("pause", kind="delay", config={"seconds": 60})


# --- Delays ------------------------------------------------------------------------------------


def test_a_delay_holds_nothing_and_fires_at_its_time() -> None:
    execution = drained(started(factories.make_tenant(), document(PAUSE, step("after", "pause"))))
    row = step_run(execution, "pause")
    assert (execution.status, row.status, row.worker_id) == ("waiting", "waiting", None)
    assert row.due_at is not None
    assert row.started_at is not None
    assert (row.due_at - row.started_at).total_seconds() == pytest.approx(60, abs=5)
    assert not sweeper.sweep()
    assert services.claim(new_worker()) is None
    invariants.check(execution.id)
    let_time_pass(execution, "pause")
    assert sweeper.sweep(), "somebody is to be woken"
    assert drained(execution).status == "succeeded"
    assert kinds(execution, "pause") == [
        *("step.started", "step.waiting", "step.started", "step.succeeded"),
    ]
    assert output_of(execution, "pause").keys() == {"until"}
    invariants.check_ended(execution.id)


def test_a_time_that_has_passed_is_not_waited_for() -> None:
    past = step("pause", kind="delay", config={"until": "2020-01-01T00:00:00Z"})
    execution = drained(started(factories.make_tenant(), document(past)))
    assert kinds(execution, "pause") == ["step.started", "step.succeeded"]
    assert invariants.check_ended(execution.id) == "succeeded"


def test_other_steps_go_on_while_one_waits() -> None:
    made = document(PAUSE, step("b"), step("c", "b"), step("d", "pause", "c"))
    execution = drained(started(factories.make_tenant(), made))
    assert statuses(execution) == {"pause": "waiting", "b": "succeeded", "c": "succeeded"}
    let_time_pass(execution, "pause")
    assert drained(execution).status == "succeeded"
    invariants.check_ended(execution.id)


def test_a_waiting_step_holds_no_place_of_those_that_run_at_once() -> None:
    made = document(PAUSE, step("b"), step("c"), limits={"parallel": 1})
    execution = drained(started(factories.make_tenant(), made))
    assert statuses(execution) == {"pause": "waiting", "b": "succeeded", "c": "succeeded"}
    invariants.check(execution.id)


def test_a_worker_that_is_lost_when_the_wait_is_over_does_not_begin_it_anew() -> None:
    execution = drained(started(factories.make_tenant(), document(PAUSE)))
    let_time_pass(execution, "pause")
    expire_lease(claimed(new_worker()))
    [lost] = services.lost_steps()
    services.release(lost)
    assert drained(execution).status == "succeeded"
    assert kinds(execution, "pause").count("step.waiting") == 1
    invariants.check_ended(execution.id)


def test_a_guard_is_looked_at_before_the_wait_and_not_after() -> None:
    guarded = step("pause", kind="delay", when="{{ vars.on }}")
    tenant = factories.make_tenant()
    factories.make_variable(tenant, "on", True)
    execution = drained(started(tenant, document(guarded)))
    assert execution.status == "waiting"
    _set_variable(execution, "on", False)
    let_time_pass(execution, "pause")
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"pause": "succeeded"}


def _set_variable(execution: Execution, name: str, value: Any) -> None:
    with scope.tenant(execution.tenant_id):
        assert Variable.objects.filter(name=name).update(value=value)


def test_what_a_step_waits_for_is_told_in_words() -> None:
    made = document(
        PAUSE, step("ask", kind="approval"), step("call", kind="wait_for_callback", config={})
    )
    execution = drained(started(factories.make_tenant(), made))
    told = {e.step: e.message for e in events(execution) if e.kind == "step.waiting"}
    assert {key: message.partition(" until ")[0] for key, message in told.items()} == {
        "pause": "Waits",
        "ask": "Waits for an approval",
        "call": "Waits for a call",
    }
    assert all(message.endswith(" UTC.") for message in told.values())


# --- Polls -------------------------------------------------------------------------------------


def state(name: str) -> Behaviour:
    body = json.dumps({"state": name}).encode()
    return answer(body, headers=("Content-Type: application/json",))


def poll(url: str, **more: Any) -> dict[str, Any]:
    config = {
        "request": {"url": url},
        "until": "{{ response.body.state == trigger.body }}",
        "interval": 5,
    }
    return step("poll", kind="poll", config={**config, **more.pop("config", {})}, **more)


def polled(execution: Execution, times: int) -> Execution:
    """The run after its poll's time has come so many times."""
    drained(execution)
    for _ in range(times):
        let_time_pass(execution, "poll")
        drained(execution)
    return fresh(execution)


def test_a_poll_asks_until_it_holds() -> None:
    with serving(in_turn(state("new"), state("new"), state("done"))) as server:
        execution = polled(
            started(factories.make_tenant(), document(poll(server.url())), "done"), 2
        )
    assert execution.status == "succeeded"
    assert len(server.requests) == 3
    output = output_of(execution, "poll")
    assert (output["tries"], output["body"]) == (3, {"state": "done"})
    kept = [each["status"] for each in step_run(execution, "poll").attempts]
    assert kept == ["waiting", "succeeded"], "of the tries between only events are kept"
    invariants.check_ended(execution.id)


def test_a_poll_gives_up_at_its_limit() -> None:
    with serving(state("new")) as server:
        impatient = poll(server.url(), config={"limit": 7})
        execution = polled(started(factories.make_tenant(), document(impatient), "done"), 0)
        _long_ago(execution)
        execution = polled(execution, 1)
    assert execution.error is not None
    assert execution.error["kind"] == "poll_limit"
    assert execution.error["tries"] == 2
    assert invariants.check_ended(execution.id) == "failed"


def _long_ago(execution: Execution) -> None:
    """As if the poll had begun an hour ago."""
    with scope.tenant(execution.tenant_id):
        row = step_run(execution, "poll")
        row.waits["state"]["started_at"] = "2020-01-01T00:00:00+00:00"
        row.save(update_fields=["wait"])


def test_a_request_that_fails_is_tried_again_and_the_poll_goes_on_where_it_was() -> None:
    turns = in_turn(state("new"), answer(status="503 Busy"), hang_up, state("new"), state("done"))
    with serving(turns) as server:
        execution = polled(
            started(factories.make_tenant(), document(poll(server.url())), "done"), 2
        )
    assert execution.status == "succeeded"
    assert output_of(execution, "poll")["tries"] == 3
    kept = [(each["attempt"], each["status"]) for each in step_run(execution, "poll").attempts]
    assert kept == [(1, "waiting"), (1, "retrying"), (2, "retrying"), (1, "succeeded")]
    invariants.check_ended(execution.id)


def test_a_request_that_goes_on_failing_fails_the_poll() -> None:
    with serving(in_turn(state("new"), answer(status="503 Busy"))) as server:
        execution = polled(
            started(factories.make_tenant(), document(poll(server.url())), "done"), 1
        )
    assert execution.error is not None
    assert (execution.error["kind"], len(server.requests)) == ("status", 5)
    assert invariants.check_ended(execution.id) == "failed"


def test_each_try_of_a_poll_has_a_key_of_its_own() -> None:
    with serving(in_turn(state("new"), answer(status="503 Busy"), state("done"))) as server:
        asks = {"url": server.url(), "method": "POST"}
        post = poll(server.url(), config={"request": asks}, idempotent=True)
        execution = polled(started(factories.make_tenant(), document(post), "done"), 1)
    assert execution.status == "succeeded"
    keys = [
        line.split(b": ")[1].decode()
        for request in server.requests
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"idempotency-key")
    ]
    assert keys == [f"{execution.id}.poll.{number}" for number in (1, 2, 2)]


def test_an_expression_that_is_not_true_or_false_fails_the_poll() -> None:
    with serving(state("new")) as server:
        odd = poll(server.url(), config={"until": "{{ response.body.state }}"})
        execution = drained(started(factories.make_tenant(), document(odd), "done"))
    assert execution.error is not None
    assert execution.error["message"] == "with.until: This must be true or false."
    invariants.check_ended(execution.id)


# --- Retries of other types --------------------------------------------------------------------


def test_a_step_of_any_type_is_tried_again_as_its_policy_says() -> None:
    patience = {"attempts": 3, "delay": 0, "on": ["expression"]}
    odd = step("a", kind="transform", config={"value": "{{ trigger.body.x }}"}, retry=patience)
    execution = drained(started(factories.make_tenant(), document(odd), {}))
    kept = [(each["attempt"], each["status"]) for each in step_run(execution, "a").attempts]
    assert kept == [(1, "retrying"), (2, "retrying"), (3, "failed")]
    assert invariants.check_ended(execution.id) == "failed"


def test_a_wait_counts_its_tries_anew() -> None:
    execution = started(factories.make_tenant(), document(PAUSE))
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, Wait(None, answer="approval"))
    assert step_run(execution, "pause").attempt == 0
    invariants.check(execution.id)
