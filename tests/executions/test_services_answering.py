"""Answers to steps that wait: calls at one-time addresses, people's decisions."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.http import Http404

from executions import callbacks, services, sweeper, worker
from executions.callbacks import Callback
from executions.models import Execution, Signal
from executions.runs import Claim
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    error_of,
    expire_lease,
    finish,
    fresh,
    in_threads,
    kinds,
    let_time_pass,
    new_worker,
    output_of,
    started,
    statuses,
    step_run,
)
from tests.executions.families import children, for_each
from tests.executions.standing import waiting
from tests.workflows.definitions import document, step
from workflows.definition import JSON
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

CALL = step("call", kind="wait_for_callback", config={"timeout": 60})


def call(execution: Execution, body: JSON = None, key: str = "call") -> None:
    """Call the step's one-time address."""
    callback = Callback(execution.tenant_id, execution.id, key)
    services.answer(callback, body=body, headers={"x-from": "shop"}, query={"q": "1"})


def refusal(execution: Execution, body: JSON = None, key: str = "call") -> Problem:
    with pytest.raises(Problem) as refused:
        call(execution, body, key)
    return refused.value


def taken_to_wait(claim: Claim, worker_id: UUID) -> None:
    """The worker finds that the step waits, and records it."""
    assert worker._step(claim, worker_id, worker.Watch()) is None


def test_a_call_ends_the_step_that_waits_for_it() -> None:
    execution = waiting(CALL, step("after", "call"))
    call(execution, {"paid": True})
    output = output_of(execution, "call")
    assert {name: output[name] for name in ("body", "headers", "query")} == {
        "body": {"paid": True},
        "headers": {"x-from": "shop"},
        "query": {"q": "1"},
    }
    assert statuses(execution) == {"call": "succeeded", "after": "queued"}
    assert drained(execution).status == "succeeded"
    invariants.check_ended(execution.id)


def test_the_address_that_other_steps_hand_out_is_the_steps_own() -> None:
    tell = step("tell", kind="transform", config={"value": "{{ callbacks.call }}"})
    execution = waiting(CALL, tell)
    token = str(step_run(execution, "tell").output).rstrip("/").rpartition("/")[2]
    assert callbacks.read(token) == Callback(execution.tenant_id, execution.id, "call")


def test_an_address_is_good_for_one_call() -> None:
    execution = waiting(CALL, step("pause", kind="delay"))
    call(execution, 1)
    assert (refusal(execution, 2).status, refusal(execution, 2).code) == (409, "answered")
    assert output_of(execution, "call")["body"] == 1
    invariants.check(execution.id)


def test_of_calls_that_come_at_once_one_is_taken() -> None:
    execution = waiting(CALL, step("pause", kind="delay"))

    def act(number: int) -> bool:
        try:
            call(execution, number)
        except Problem as problem:
            assert problem.code == "answered"  # noqa: PT017 - in a thread of its own
            return False
        return True

    taken = in_threads(6, act)
    assert taken.count(True) == 1
    assert output_of(execution, "call")["body"] == taken.index(True)
    assert kinds(execution, "call").count("step.succeeded") == 1
    invariants.check(execution.id)


@pytest.mark.parametrize("when", ["pending", "queued", "running", "lost"])
def test_a_call_may_come_before_the_step_waits_for_it(when: str) -> None:
    made = document(step("first"), step("call", "first", kind="wait_for_callback"))
    execution = started(factories.make_tenant(), made)
    worker_id = new_worker()
    first = claimed(worker_id)
    if when != "pending":
        finish(first, None)
    if when in ("running", "lost"):
        second = claimed(worker_id)
    if when == "lost":
        expire_lease(second)
        [lost] = services.lost_steps()
        assert services.release(lost)
    call(execution, "early")
    assert kinds(execution)[-1] == "step.answered"
    invariants.check(execution.id)
    match when:
        case "pending":
            finish(first, None)
        case "running":
            taken_to_wait(second, worker_id)
    assert drained(execution).status == "succeeded"
    assert output_of(execution, "call")["body"] == "early"
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_call_and_the_beginning_of_the_wait_at_once_do_not_miss_each_other() -> None:
    workflow = factories.make_workflow(factories.make_tenant(), document(CALL))
    worker_id = new_worker()
    for _ in range(5):
        execution = factories.start_execution(workflow)
        claim = claimed(worker_id)

        def act(number: int, execution: Execution = execution, claim: Claim = claim) -> None:
            if number:
                call(execution, "now")
            else:
                taken_to_wait(claim, worker_id)

        in_threads(2, act)
        assert output_of(execution, "call")["body"] == "now"
        assert invariants.check_ended(execution.id) == "succeeded"


def test_at_its_time_the_step_expires() -> None:
    execution = waiting(CALL, step("late", "call.expired"), step("after", "call"))
    let_time_pass(execution, "call")
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"call": "succeeded", "late": "succeeded", "after": "skipped"}
    assert output_of(execution, "call")["body"] is None
    assert kinds(execution, "call") == [
        *("step.started", "step.waiting", "step.started", "step.succeeded"),
    ]
    invariants.check_ended(execution.id)


def test_a_call_after_its_time_is_refused() -> None:
    execution = waiting(CALL, step("pause", kind="delay"))
    let_time_pass(execution, "call")
    expired = claimed(new_worker())
    assert (refusal(execution).status, refusal(execution).code) == (409, "not-waiting")
    finish(expired, None, Done({}, "expired"))
    assert refusal(execution).code == "not-waiting"
    invariants.check(execution.id)


def test_a_call_after_the_end_is_refused() -> None:
    execution = waiting(CALL)
    with scope.tenant(execution.tenant_id):
        services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    assert refusal(execution).status == 409
    invariants.check_ended(execution.id)


def test_a_call_for_a_step_that_is_not_there_is_not_found() -> None:
    execution = waiting(CALL)
    with pytest.raises(Http404):
        call(execution, key="other")
    with scope.operator("a test looks for answers"):
        assert not Signal.objects.exists()


def test_a_call_that_names_another_tenants_run_reaches_nothing() -> None:
    execution = waiting(CALL)
    stranger = factories.make_tenant()
    with pytest.raises((Http404, Problem)):
        services.answer(
            Callback(stranger.id, execution.id, "call"), body=None, headers={}, query={}
        )
    assert statuses(execution) == {"call": "waiting"}


def test_a_body_that_is_not_what_the_step_asks_for_is_refused_and_waited_on() -> None:
    asks = {"schema": {"type": "object", "required": ["id"]}}
    execution = waiting(step("call", kind="wait_for_callback", config=asks))
    refused = refusal(execution, {"no": "id"})
    assert (refused.status, refused.code) == (422, "input-mismatch")
    assert refused.errors
    assert statuses(execution) == {"call": "waiting"}
    call(execution, {"id": 1})
    assert invariants.check_ended(execution.id) == "succeeded"


def test_each_item_has_an_address_of_its_own() -> None:
    tell = step("tell", kind="transform", config={"value": "{{ callbacks.call }}"})
    execution = waiting(for_each("each", ["a", "b"], CALL, tell))
    first, second = children(execution)
    call(second, 2)
    assert statuses(first)["call"] == "waiting"
    call(first, 1)
    # What an item leaves behind is an expression, and callers evaluate none: workers do.
    assert [fresh(item).status for item in (first, second)] == ["waiting", "waiting"]
    sweeper.sweep()
    assert fresh(execution).status == "succeeded"
    output = output_of(execution, "each")
    assert [each["call"]["body"] for each in output["results"]] == [1, 2]
    invariants.check_family(execution.id)


def lacking_output(output: str = "{{ steps.call.output.body }}") -> Execution:
    """A run whose last step was ended by a call, so that only its output is to be evaluated."""
    execution = started(factories.make_tenant(), document(CALL, output=output))
    assert drained(execution).status == "waiting"
    call(execution, 7)
    assert statuses(execution) == {"call": "succeeded"}
    assert fresh(execution).status == "waiting"
    return execution


def test_the_output_of_a_run_that_a_call_ends_is_left_to_a_worker() -> None:
    execution = lacking_output()
    assert invariants.check(execution.id) == "waiting"
    sweeper.sweep()
    assert invariants.check_ended(execution.id) == "succeeded"
    assert (fresh(execution).output, fresh(execution).follow_up) == (7, False)


def test_of_workers_that_evaluate_an_output_at_once_one_ends_the_run() -> None:
    execution = lacking_output()
    in_threads(4, lambda _: sweeper.sweep())
    assert invariants.check_ended(execution.id) == "succeeded"
    assert kinds(execution).count("execution.succeeded") == 1


def test_an_output_that_cannot_be_evaluated_fails_the_run_in_the_worker() -> None:
    execution = lacking_output("{{ steps.call.output.body.nothing }}")
    sweeper.sweep()
    assert invariants.check_ended(execution.id) == "failed"
    assert error_of(execution)["kind"] == "expression"


def test_a_run_that_lacks_its_output_can_be_cancelled() -> None:
    execution = lacking_output()
    with scope.tenant(execution.tenant_id):
        services.stop(execution, by="otto")
    sweeper.sweep()
    assert invariants.check_ended(execution.id) == "cancelled"
    assert (fresh(execution).output, fresh(execution).follow_up) == (None, False)


def test_a_call_that_holds_what_postgres_cannot_is_not_lost() -> None:
    execution = waiting(CALL)
    call(execution, {"odd": "\x00 \ud800"})
    assert output_of(execution, "call")["body"] == {"odd": "\ufffd \ufffd"}
