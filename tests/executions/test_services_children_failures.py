"""Items that fail, and steps whose items do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import services, sweeper, worker
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    error_of,
    expire_lease,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.families import children, for_each, results, run_with
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

ODD_FAILS = [
    step("odd", kind="condition", config={"if": "{{ item % 2 == 1 }}"}),
    step("no", "odd.true", kind="fail", config={"message": "{{ item }} is odd"}),
    step("yes", "odd.false", kind="transform", config={"value": "{{ item * 10 }}"}),
]


def test_the_first_failed_item_fails_the_step_and_the_others_are_called_off() -> None:
    body = [*ODD_FAILS, step("pause", "yes", kind="delay", config={"seconds": 60})]
    execution = run_with(factories.make_tenant(), for_each("each", [0, 1, 2, 3], *body, parallel=2))
    assert execution.error == {
        "step": "each",
        "kind": "child",
        "message": "Item 1 ended failed: 1 is odd",
        "execution_id": str(children(execution)[1].id),
        "index": 1,
    }
    assert [child.status for child in children(execution)] == ["cancelled", "failed"]
    invariants.check_family(execution.id)


def test_an_item_out_of_time_fails_the_step() -> None:
    execution = started(factories.make_tenant(), document(for_each("each", [1], step("slow"))))
    worker_id = new_worker()
    worker._step(claimed(worker_id), worker_id, worker.Watch())
    claimed(worker_id)
    [child] = children(execution)
    with scope.tenant(execution.tenant_id):
        past = Now() - timedelta(seconds=1)
        Execution.objects.filter(id=child.id).update(deadline_at=past)
    sweeper.sweep()
    message = "Item 0 ended timed_out: It used up its 300 s of active time."
    assert error_of(execution)["message"] == message
    invariants.check_family(execution.id)


def test_failed_items_are_collected() -> None:
    each = for_each("each", [0, 1, 2, 3], *ODD_FAILS, on_item_failure="collect", parallel=2)
    execution = run_with(factories.make_tenant(), each)
    assert step_run(execution, "each").output == {
        "results": [{"yes": 0, "no": None}, None, {"yes": 20, "no": None}, None],
        "errors": [
            {"index": n, "step": "no", "kind": "fail", "message": f"{n} is odd"} for n in (1, 3)
        ],
        "succeeded": 2,
        "failed": 2,
    }
    assert invariants.check_ended(execution.id) == "succeeded"
    invariants.check_family(execution.id)


def test_items_that_all_fail_are_collected_too() -> None:
    each = for_each("each", [1, 3], *ODD_FAILS, on_item_failure="collect")
    execution = run_with(factories.make_tenant(), each)
    assert results(execution) == [None, None]
    assert execution.status == "succeeded"


def test_a_for_each_that_fails_is_run_again_as_its_policy_says() -> None:
    patience = {"attempts": 2, "delay": 0, "on": ["child"]}
    execution = run_with(factories.make_tenant(), for_each("each", [1], *ODD_FAILS, retry=patience))
    assert execution.status == "failed"
    assert [child.parent_fence for child in children(execution)] == [1, 2]
    assert kinds(execution, "each") == [
        *("step.started", "step.waiting", "step.retrying"),
        *("step.started", "step.waiting", "step.failed"),
    ]
    invariants.check_family(execution.id)


def test_every_try_of_a_for_each_is_kept() -> None:
    patience = {"attempts": 2, "delay": 0, "on": ["child"]}
    execution = run_with(factories.make_tenant(), for_each("each", [1], *ODD_FAILS, retry=patience))
    kept = [(each["attempt"], each["status"]) for each in step_run(execution, "each").attempts]
    assert kept == [(1, "waiting"), (1, "retrying"), (2, "waiting"), (2, "failed")]


def test_a_for_each_whose_worker_is_lost_starts_its_items_once() -> None:
    execution = started(factories.make_tenant(), document(for_each("each", [1, 2])))
    zombie = claimed(new_worker())
    expire_lease(zombie)
    [lost] = services.lost_steps()
    services.release(lost)
    assert results(drained(execution)) == [1, 2]
    assert worker._step(zombie, new_worker(), worker.Watch()) is None
    assert len(children(execution)) == 2
    invariants.check_family(execution.id)


def test_items_of_a_step_that_was_called_off_are_not_started() -> None:
    """The run fails while the step is in hand that is about to start them."""
    execution = started(
        factories.make_tenant(), document(for_each("each", [1, 2]), step("wrong", kind="fail"))
    )
    worker_id = new_worker()
    each, wrong = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    worker._step(wrong, worker_id, worker.Watch())
    worker._step(each, worker_id, worker.Watch())
    assert children(execution) == []
    assert statuses(execution) == {"each": "cancelled", "wrong": "failed"}
    assert invariants.check_ended(execution.id) == "failed"
