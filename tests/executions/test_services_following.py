"""What follows in other runs: reports to parents, alarms, places. Each part may be lost or done
twice at any point."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions import services, sweeper, worker
from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    WRONG as FAILED,
)
from tests.executions.driving import (
    claimed,
    drained,
    finish,
    finish_and_die,
    fresh,
    in_threads,
    let_time_pass,
    make_unreadable,
    new_worker,
    started,
    step_run,
)
from tests.executions.families import begun_by, children, for_each, sub_workflow
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

WRONG = step("wrong", kind="fail", config={"message": "Out of stock."})
KEEP = step("keep", kind="transform", config={"value": "{{ trigger.body }}"})


def mark_again(execution: Execution) -> None:
    """As if what followed its last transition had not been noted as done, and long ago."""
    with scope.tenant(execution.tenant_id):
        long_ago = Now() - timedelta(minutes=1)
        Execution.objects.filter(id=execution.id).update(follow_up=True, finished_at=long_ago)


def grow_old(execution: Execution) -> None:
    """As if it had ended a minute ago."""
    with scope.tenant(execution.tenant_id):
        rows = Execution.objects.filter(id=execution.id)
        assert rows.update(finished_at=Now() - timedelta(minutes=1))


def marks() -> int:
    with scope.operator("a test looks for marks"):
        return Execution.objects.filter(follow_up=True).count()


def with_alarm(tenant: Tenant, *steps: dict[str, Any], **more: Any) -> Execution:
    """A run of these steps whose failure starts the workflow `alarm`."""
    factories.make_workflow(tenant, document(KEEP), slug="alarm")
    return started(tenant, document(*steps, on_failure="alarm", **more))


# --- Alarms ------------------------------------------------------------------------------------


def test_a_failed_run_starts_the_workflow_that_it_names_with_the_facts() -> None:
    execution = drained(with_alarm(factories.make_tenant(), WRONG))
    [alarm] = begun_by(execution)
    with scope.tenant(execution.tenant_id):
        slug = execution.workflow.slug
    assert (alarm.trigger_kind, alarm.depth, alarm.status) == ("failure", 1, "succeeded")
    assert step_run(alarm, "keep").output == {
        "execution": {
            "id": str(execution.id),
            "workflow": slug,
            "version": 1,
            "status": "failed",
            "url": f"http://127.0.0.1:8000/api/v1/executions/{execution.id}/",
        },
        "step": "wrong",
        "error": {"step": "wrong", "kind": "fail", "message": "Out of stock."},
    }
    invariants.check_ended(alarm.id)
    assert marks() == 0


def test_a_run_out_of_time_raises_the_alarm_too() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"), limits={"timeout": 7})
    claimed(new_worker())
    with scope.tenant(execution.tenant_id):
        past = Now() - timedelta(seconds=1)
        Execution.objects.filter(id=execution.id).update(deadline_at=past)
    sweeper.sweep()
    [alarm] = begun_by(execution)
    assert alarm.trigger["body"]["execution"]["status"] == "timed_out"
    assert alarm.trigger["body"]["error"]["kind"] == "timed_out"


@pytest.mark.parametrize("how", ["succeeds", "is cancelled", "handles its failure"])
def test_a_run_that_did_not_fail_raises_none(how: str) -> None:
    steps = {
        "succeeds": [step("a")],
        "is cancelled": [step("a", kind="delay")],
        "handles its failure": [WRONG, step("repair", "wrong.failure")],
    }[how]
    execution = drained(with_alarm(factories.make_tenant(), *steps))
    if how == "is cancelled":
        with scope.tenant(execution.tenant_id):
            services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    sweeper.sweep()
    assert begun_by(execution) == []
    assert marks() == 0


def test_the_failure_of_an_alarm_raises_no_further_one() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(KEEP), slug="second")
    factories.make_workflow(tenant, document(WRONG, on_failure="second"), slug="first")
    execution = drained(started(tenant, document(WRONG, on_failure="first")))
    [alarm] = begun_by(execution)
    assert fresh(alarm).status == "failed"
    assert begun_by(alarm) == []
    assert marks() == 0


def test_workflows_that_name_each_other_raise_one_alarm() -> None:
    tenant = factories.make_tenant()
    ping = factories.make_workflow(tenant, document(WRONG), slug="ping")
    factories.make_workflow(tenant, document(WRONG, on_failure="ping"), slug="pong")
    factories.publish(ping, document(WRONG, on_failure="pong"))
    execution = drained(factories.start_execution(ping))
    [alarm] = begun_by(execution)
    assert begun_by(alarm) == []


def test_an_item_raises_no_alarm_and_its_run_one() -> None:
    each = for_each("each", [1, 2], WRONG, on_item_failure="fail", parallel=2)
    execution = drained(with_alarm(factories.make_tenant(), each))
    assert [alarm.trigger_kind for alarm in begun_by(execution)] == ["failure"]
    assert all(begun_by(child) == [] for child in children(execution))


@pytest.mark.parametrize("handler", ["missing", "unpublished", "archived"])
def test_an_alarm_that_cannot_be_raised_leaves_nothing_to_follow(handler: str) -> None:
    tenant = factories.make_tenant()
    if handler != "missing":
        alarm = factories.make_draft(tenant, document(KEEP), slug="alarm")
        if handler == "archived":
            factories.publish(alarm)
            with scope.tenant(tenant.id):
                type(alarm).objects.filter(id=alarm.id).update(archived_at=Now())
    execution = drained(started(tenant, document(WRONG, on_failure="alarm")))
    assert begun_by(execution) == []
    assert marks() == 0


def test_an_alarm_is_raised_although_the_worker_died_before_it_could_be() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), FAILED)
    assert fresh(execution).status == "failed"
    assert begun_by(execution) == []
    grow_old(execution)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_the_sweeper_leaves_what_has_just_ended_to_whoever_ended_it() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), FAILED)
    assert services.left_to_follow() == []
    grow_old(execution)
    assert services.left_to_follow() == [(execution.tenant_id, execution.id)]


def test_sweepers_at_once_raise_one_alarm() -> None:
    execution = with_alarm(factories.make_tenant(), step("a"))
    finish_and_die(claimed(new_worker()), FAILED)
    grow_old(execution)
    in_threads(4, lambda _: sweeper.sweep())
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_an_alarm_that_was_raised_before_the_mark_could_be_taken_off_is_not_raised_again() -> None:
    execution = drained(with_alarm(factories.make_tenant(), WRONG))
    mark_again(execution)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


# --- Reports to parents ------------------------------------------------------------------------


def with_children(*, items: int = 3) -> Execution:
    """A run that waits for items, each of which waits for its time."""
    pause = step("pause", kind="delay", config={"seconds": 60})
    execution = started(factories.make_tenant(), document(for_each("each", [0] * items, pause)))
    return drained(execution)


def test_a_report_that_was_lost_is_made_by_the_sweeper() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(step("a")), slug="child")
    execution = started(tenant, document(sub_workflow("sub", "child")))
    worker_id = new_worker()
    worker._step(claimed(worker_id), worker_id, worker.Watch())
    finish_and_die(claimed(worker_id), Done())
    assert fresh(execution).status == "waiting"
    grow_old(children(execution)[0])
    sweeper.sweep()
    assert fresh(execution).status == "succeeded"
    invariants.check_family(execution.id)


def test_items_that_end_at_once_are_all_counted() -> None:
    execution = with_children(items=5)
    for child in children(execution):
        let_time_pass(child, "pause")
    worker_id = new_worker()
    claims = [claimed(worker_id) for _ in range(5)]
    in_threads(5, lambda number: finish(claims[number], worker_id))
    assert fresh(execution).status == "succeeded"
    assert marks() == 0
    invariants.check_family(execution.id)


def test_items_whose_reports_were_all_lost_are_all_counted() -> None:
    execution = with_children(items=3)
    for child in children(execution):
        let_time_pass(child, "pause")
    worker_id = new_worker()
    for claim in [claimed(worker_id) for _ in range(3)]:
        finish_and_die(claim, Done())
    for child in children(execution):
        grow_old(child)
    in_threads(3, lambda _: sweeper.sweep())
    assert fresh(execution).status == "succeeded"
    assert marks() == 0
    invariants.check_family(execution.id)


def test_a_report_made_twice_or_at_once_changes_nothing() -> None:
    execution = started(
        factories.make_tenant(), document(for_each("each", [0] * 4, step("a"), parallel=2))
    )
    worker_id = new_worker()
    worker._step(claimed(worker_id), worker_id, worker.Watch())
    finish_and_die(claimed(worker_id), Done())
    [ended] = [child for child in children(execution) if child.finished_at]
    in_threads(4, lambda _: services.follow_up(ended.tenant_id, ended.id))
    assert len(children(execution)) == 3, "one ended, two are open"
    mark_again(ended)
    services.follow_up(ended.tenant_id, ended.id)
    assert len(children(execution)) == 3
    assert drained(execution).status == "succeeded"
    invariants.check_family(execution.id)


def test_a_child_of_an_earlier_try_reports_to_nobody() -> None:
    """Its step has failed and is tried again: only the runs of this try count."""
    tenant = factories.make_tenant()
    patience = {"attempts": 2, "delay": 0, "on": ["child"]}
    pause = step("pause", kind="delay", config={"seconds": 60})
    fails = step("fails", "pause", kind="fail")
    execution = drained(
        started(tenant, document(for_each("each", [0, 1], pause, fails, retry=patience)))
    )
    first = children(execution)
    let_time_pass(first[0], "pause")
    drained(execution)
    assert fresh(first[1]).status == "cancelled"
    assert [child.parent_fence for child in children(execution)] == [1, 2, 1, 2]
    mark_again(first[1])
    sweeper.sweep()
    assert step_run(execution, "each").status == "waiting"
    invariants.check(execution.id)


# --- Runs that nobody waits for ----------------------------------------------------------------


def test_a_cancelled_run_whose_worker_died_takes_its_children_with_it_all_the_same() -> None:
    execution = with_children()
    with scope.tenant(execution.tenant_id):
        services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    assert {child.status for child in children(execution)} == {"waiting"}
    grow_old(execution)
    sweeper.sweep()
    assert {child.status for child in children(execution)} == {"cancelled"}
    assert marks() == 0
    invariants.check_family(execution.id)


def test_a_run_that_cannot_be_followed_up_keeps_nobody_else_from_it() -> None:
    broken = with_alarm(factories.make_tenant(), step("a"))
    sound = with_alarm(factories.make_tenant(), step("a"))
    for _ in range(2):
        finish_and_die(claimed(new_worker()), FAILED)
    make_unreadable(broken)
    for execution in (broken, sound):
        grow_old(execution)
    sweeper.sweep()
    assert len(begun_by(sound)) == 1
    assert begun_by(broken) == []
