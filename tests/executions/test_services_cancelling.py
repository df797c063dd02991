"""Runs that are ended before their time, and all that they began with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import services, sweeper, worker
from executions.models import Execution
from executions.runs import Claim
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    REFUSED,
    claimed,
    drained,
    events,
    finish,
    fresh,
    hurry,
    in_threads,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.families import begun_by, children, for_each, sub_workflow
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

PAUSE = step("pause", kind="delay", config={"seconds": 60})


def cancel(execution: Execution) -> bool:
    """As somebody does by a page or the API. False: it had ended."""
    with scope.tenant(execution.tenant_id):
        move = services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    if move is not None:
        services.after_commit(move)
    return move is not None


def test_a_queued_run_never_begins() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    assert cancel(execution)
    assert services.claim(new_worker()) is None
    assert statuses(execution) == {"a": "cancelled", "b": "cancelled"}
    assert fresh(execution).error == {"kind": "cancelled", "message": "Cancelled by otto."}
    assert events(execution)[-1].level == "warning"
    assert invariants.check_ended(execution.id) == "cancelled"


def test_what_a_running_step_brings_after_that_is_dropped() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    worker_id = new_worker()
    claim = claimed(worker_id)
    assert cancel(execution)
    assert finish(claim, worker_id, Done("late")) is None
    assert step_run(execution, "a").output is None
    assert statuses(execution) == {"a": "cancelled", "b": "cancelled"}
    assert not services.mark_sending(claim, {})
    assert invariants.check_ended(execution.id) == "cancelled"


def test_steps_in_every_state_are_called_off() -> None:
    post = {"method": "POST", "url": "https://x.example/"}
    made = document(
        step("done"),
        step("parked", kind="http", config=post),
        step("tried", kind="http"),
        PAUSE,
        step("queued"),
        step("pending", "queued"),
    )
    execution = started(factories.make_tenant(), made)
    worker_id = new_worker()
    results = {"done": None, "parked": BROKEN_OFF, "tried": REFUSED}
    for claim in [claimed(worker_id) for _ in range(5)]:
        if claim.key in results:
            finish(claim, None, results[claim.key], repeatable=claim.key != "parked")
        elif claim.key == "pause":
            worker._step(claim, worker_id, worker.Watch())
    assert statuses(execution) == {
        "done": "succeeded",
        "parked": "unknown",
        "tried": "retrying",
        "pause": "waiting",
        "queued": "running",
    }
    assert cancel(execution)
    ended = statuses(execution)
    assert ended.pop("done") == "succeeded"
    assert set(ended.values()) == {"cancelled"}
    assert len(ended) == 5
    hurry(execution)
    assert services.claim(worker_id) is None
    assert invariants.check_ended(execution.id) == "cancelled"


def test_a_run_is_cancelled_once() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    claimed(new_worker())
    assert in_threads(4, lambda _: cancel(execution)).count(True) == 1
    assert invariants.check_ended(execution.id) == "cancelled"


def test_what_has_ended_is_not_cancelled() -> None:
    execution = drained(started(factories.make_tenant(), document(step("a"))))
    assert not cancel(execution)
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_run_that_ends_and_is_cancelled_at_once_has_one_end() -> None:
    workflow = factories.make_workflow(factories.make_tenant(), document(step("a")))
    worker_id = new_worker()
    for _ in range(5):
        execution = factories.start_execution(workflow)
        claim = claimed(worker_id)

        def act(number: int, execution: Execution = execution, claim: Claim = claim) -> object:
            return cancel(execution) if number else finish(claim, worker_id)

        _, cancelled = in_threads(2, act)
        ended = invariants.check_ended(execution.id)
        assert ended == ("cancelled" if cancelled else "succeeded")


def test_cancelling_reaches_the_children_of_children() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(PAUSE), slug="leaf")
    inner = for_each("inner", [1, 2], sub_workflow("leaf", "leaf"))
    factories.make_workflow(tenant, document(inner), slug="middle")
    execution = drained(started(tenant, document(sub_workflow("middle", "middle"))))
    assert cancel(execution)
    found, left = [execution], [execution]
    while left:
        found += (more := children(left.pop()))
        left += more
    assert [run.status for run in map(fresh, found)] == ["cancelled"] * 6
    assert services.claim(new_worker()) is None
    invariants.check_family(execution.id)


def test_a_run_that_nobody_waits_for_goes_on_when_its_starter_is_cancelled() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(PAUSE), slug="leaf")
    made = document(sub_workflow("leaf", "leaf", wait=False), PAUSE)
    execution = drained(started(tenant, made))
    assert cancel(execution)
    assert [run.status for run in begun_by(execution)] == ["waiting"]


def test_a_run_out_of_time_takes_its_children_with_it() -> None:
    tenant = factories.make_tenant()
    made = document(for_each("each", [1, 2], PAUSE), step("slow"), limits={"timeout": 7})
    execution = started(tenant, made)
    worker_id = new_worker()
    for claim in [claimed(worker_id), claimed(worker_id)]:
        if claim.key == "each":
            worker._step(claim, worker_id, worker.Watch())
    assert fresh(execution).status == "running"
    with scope.tenant(tenant.id):
        past = Now() - timedelta(seconds=1)
        Execution.objects.filter(id=execution.id).update(deadline_at=past)
    sweeper.sweep()
    assert fresh(execution).status == "timed_out"
    assert {child.status for child in children(execution)} == {"cancelled"}
    invariants.check_family(execution.id)


def test_a_failure_calls_off_the_children_of_waiting_steps() -> None:
    made = document(for_each("each", [1, 2], PAUSE), step("wrong", kind="fail"))
    execution = drained(started(factories.make_tenant(), made))
    assert execution.status == "failed"
    assert {child.status for child in children(execution)} <= {"cancelled"}
    invariants.check_family(execution.id)


def test_time_spent_waiting_does_not_count() -> None:
    """A wait of an hour leaves a limit of a few seconds as it was."""
    execution = drained(started(factories.make_tenant(), document(PAUSE, limits={"timeout": 5})))
    assert (execution.status, execution.deadline_at) == ("waiting", None)
    assert execution.active_seconds < 5
    with scope.tenant(execution.tenant_id):
        hour_ago = Now() - timedelta(hours=1)
        Execution.objects.filter(id=execution.id).update(started_at=hour_ago)
    assert services.overdue() == []
    sweeper.sweep()
    assert fresh(execution).status == "waiting"
