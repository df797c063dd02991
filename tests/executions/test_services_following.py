"""What follows in other runs: reports to parents, alarms, places. Each part may be lost or done
twice at any point."""

from __future__ import annotations

import pytest

from executions import services, sweeper, worker
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import hearing, invariants
from tests.executions.driving import (
    WRONG,
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
from tests.executions.hearing import with_alarm
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")


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
    hearing.let_the_sweeper_see(children(execution)[0])
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
    assert hearing.marks() == 0
    invariants.check_family(execution.id)


def test_items_whose_reports_were_all_lost_are_all_counted() -> None:
    execution = with_children(items=3)
    for child in children(execution):
        let_time_pass(child, "pause")
    worker_id = new_worker()
    for claim in [claimed(worker_id) for _ in range(3)]:
        finish_and_die(claim, Done())
    for child in children(execution):
        hearing.let_the_sweeper_see(child)
    in_threads(3, lambda _: sweeper.sweep())
    assert fresh(execution).status == "succeeded"
    assert hearing.marks() == 0
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
    hearing.mark_again(ended)
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
    hearing.mark_again(first[1])
    sweeper.sweep()
    assert step_run(execution, "each").status == "waiting"
    invariants.check(execution.id)


# --- Runs that nobody waits for ----------------------------------------------------------------


def test_a_cancelled_run_whose_worker_died_takes_its_children_with_it_all_the_same() -> None:
    execution = with_children()
    with scope.tenant(execution.tenant_id):
        services.cancel(execution.tenant_id, execution.id, "Cancelled by otto.")
    assert {child.status for child in children(execution)} == {"waiting"}
    hearing.let_the_sweeper_see(execution)
    sweeper.sweep()
    assert {child.status for child in children(execution)} == {"cancelled"}
    assert hearing.marks() == 0
    invariants.check_family(execution.id)


def test_a_run_that_cannot_be_followed_up_keeps_nobody_else_from_it() -> None:
    broken = with_alarm(factories.make_tenant(), step("a"))
    sound = with_alarm(factories.make_tenant(), step("a"))
    for _ in range(2):
        finish_and_die(claimed(new_worker()), WRONG)
    make_unreadable(broken)
    for execution in (broken, sound):
        hearing.let_the_sweeper_see(execution)
    sweeper.sweep()
    assert len(begun_by(sound)) == 1
    assert begun_by(broken) == []
