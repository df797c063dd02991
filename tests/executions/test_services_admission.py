"""How many runs of a workflow, and of a tenant, go on at once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from executions import services, sweeper, worker
from executions.models import Execution
from executions.services import plans
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    error_of,
    finish,
    finish_and_die,
    fresh,
    in_threads,
    new_worker,
    started,
)
from tests.executions.families import children, sub_workflow
from tests.executions.test_services_cancelling import cancel
from tests.workflows.definitions import document, step
from workflows.models import Workflow
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")


def limited(tenant: Tenant, most: int, how: str = "queue", slug: str = "limited") -> Workflow:
    """A workflow of which there may be so many runs at once."""
    limits = {"executions": most, "limit": how}
    return factories.make_workflow(tenant, document(step("a"), limits=limits), slug=slug)


def runs(workflow: Workflow, **lookups: Any) -> list[Execution]:
    with scope.tenant(workflow.tenant_id):
        return list(Execution.objects.filter(workflow=workflow, **lookups).order_by("id"))


def test_one_run_too_many_waits_for_its_turn() -> None:
    workflow = limited(factories.make_tenant(), 2)
    first, second, third = (factories.start_execution(workflow) for _ in range(3))
    worker_id = new_worker()
    claims = [claimed(worker_id), claimed(worker_id)]
    assert [claim.run.execution_id for claim in claims] == [first.id, second.id]
    assert services.claim(worker_id) is None
    assert (fresh(third).status, third.held) == ("queued", True)
    assert not services.is_work_ready()
    invariants.check(third.id)
    finish(claims[0], worker_id)
    assert claimed(worker_id).run.execution_id == third.id
    invariants.check(third.id)


def test_a_run_that_waits_keeps_its_place() -> None:
    tenant = factories.make_tenant()
    made = document(step("pause", kind="delay"), limits={"executions": 1})
    workflow = factories.make_workflow(tenant, made)
    first, second = factories.start_execution(workflow), factories.start_execution(workflow)
    assert drained(first).status == "waiting"
    assert fresh(second).held
    cancel(first)
    assert drained(second).status == "waiting"


def test_those_who_wait_come_in_their_order() -> None:
    workflow = limited(factories.make_tenant(), 1)
    started_ones = [factories.start_execution(workflow) for _ in range(4)]
    worker_id, order = new_worker(), []
    while claim := services.claim(worker_id):
        order.append(claim.run.execution_id)
        finish(claim, worker_id)
    assert order == [execution.id for execution in started_ones]


def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    """A place is free and nobody was let in yet: the worker died that should have."""
    workflow = limited(factories.make_tenant(), 1)
    _, waiting = factories.start_execution(workflow), factories.start_execution(workflow)
    finish_and_die(claimed(new_worker()), Done())
    late = factories.start_execution(workflow)
    assert late.held
    with scope.tenant(workflow.tenant_id):
        Execution.objects.filter(follow_up=True).update(finished_at=Now() - timedelta(minutes=1))
    sweeper.sweep()
    assert claimed(new_worker()).run.execution_id == waiting.id
    assert services.claim(new_worker()) is None


@pytest.mark.parametrize("how", ["cancelled", "its worker died"])
def test_a_place_is_never_lost(how: str) -> None:
    workflow = limited(factories.make_tenant(), 1)
    first, second = factories.start_execution(workflow), factories.start_execution(workflow)
    if how == "cancelled":
        cancel(first)
    else:
        finish_and_die(claimed(new_worker()), Done())
        with scope.tenant(workflow.tenant_id):
            Execution.objects.filter(id=first.id).update(finished_at=Now() - timedelta(minutes=1))
        sweeper.sweep()
    assert claimed(new_worker()).run.execution_id == second.id


def test_one_who_waits_and_is_cancelled_takes_no_place() -> None:
    workflow = limited(factories.make_tenant(), 1)
    first, second, third = (factories.start_execution(workflow) for _ in range(3))
    cancel(second)
    assert invariants.check_ended(second.id) == "cancelled"
    drained(first)
    assert drained(third).status == "succeeded"


def test_there_are_never_more_than_allowed_however_many_start_and_end_at_once() -> None:
    workflow = limited(factories.make_tenant(), 3)
    worker_id = new_worker()

    def act(number: int) -> int:
        most = 0
        for _ in range(3):
            factories.start_execution(workflow)
            while claim := services.claim(worker_id):
                most = max(most, len(runs(workflow, status__in=["running", "waiting"])))
                finish(claim, worker_id)
        return most

    assert max(in_threads(8, act)) <= 3
    worker.drain(worker_id)
    found = runs(workflow)
    assert [run.status for run in found] == ["succeeded"] * 24
    for run in found:
        invariants.check_ended(run.id)


def test_one_run_too_many_is_dropped() -> None:
    workflow = limited(factories.make_tenant(), 1, "drop")
    first, second = factories.start_execution(workflow), factories.start_execution(workflow)
    assert fresh(second).error == {
        "kind": "dropped",
        "message": "Dropped: the workflow may have 1 runs at once.",
    }
    assert invariants.check_ended(second.id) == "cancelled"
    assert drained(first).status == "succeeded"
    assert drained(factories.start_execution(workflow)).status == "succeeded"


def test_a_step_whose_run_is_dropped_does_not_wait_for_ever() -> None:
    tenant = factories.make_tenant()
    factories.start_execution(limited(tenant, 1, "drop", slug="child"))
    execution = started(tenant, document(sub_workflow("sub", "child")))
    worker_id = new_worker()
    claims = [claimed(worker_id), claimed(worker_id)]
    claim = next(claim for claim in claims if claim.run.execution_id == execution.id)
    worker._step(claim, worker_id, worker.Watch())
    with scope.tenant(tenant.id):
        rows = Execution.objects.filter(parent=execution)
        rows.update(finished_at=Now() - timedelta(minutes=1))
    sweeper.sweep()
    assert fresh(execution).status == "failed"
    assert error_of(execution)["kind"] == "child"
    invariants.check_ended(execution.id)


def test_the_oldest_makes_room() -> None:
    workflow = limited(factories.make_tenant(), 2, "cancel_oldest")
    first, second, third = (factories.start_execution(workflow) for _ in range(3))
    assert [fresh(run).status for run in (first, second, third)] == [
        *("cancelled", "queued", "queued"),
    ]
    assert error_of(first)["message"] == "Cancelled to make room for a newer run."
    invariants.check_ended(first.id)
    assert drained(third).status == "succeeded"


def test_the_oldest_of_those_who_run_makes_room_and_its_result_is_dropped() -> None:
    workflow = limited(factories.make_tenant(), 1, "cancel_oldest")
    first = factories.start_execution(workflow)
    worker_id = new_worker()
    claim = claimed(worker_id)
    second = factories.start_execution(workflow)
    assert finish(claim, worker_id) is None
    assert invariants.check_ended(first.id) == "cancelled"
    assert drained(second).status == "succeeded"


def test_a_run_that_a_step_starts_makes_room_too() -> None:
    tenant = factories.make_tenant()
    workflow = limited(tenant, 1, "cancel_oldest", slug="child")
    first = factories.start_execution(workflow)
    execution = started(tenant, document(sub_workflow("sub", "child")))
    worker_id = new_worker()
    claims = [claimed(worker_id), claimed(worker_id)]
    plans._plans.clear()  # as in a worker that has not run the oldest one
    [claim] = [claim for claim in claims if claim.run.execution_id == execution.id]
    worker._step(claim, worker_id, worker.Watch())
    assert fresh(first).status == "cancelled"
    assert drained(execution).status == "succeeded"
    invariants.check_family(execution.id)


def start_one(workflow: Workflow, _: int) -> None:
    factories.start_execution(workflow)


def test_places_are_given_once_when_many_start_at_once() -> None:
    for how, left in (("drop", 2), ("cancel_oldest", 2), ("queue", 2)):
        workflow = limited(factories.make_tenant(), 2, how)
        in_threads(8, partial(start_one, workflow))
        assert len(runs(workflow, status="queued", held=False)) == left


def test_limits_of_one_workflow_are_no_limits_of_another() -> None:
    tenant = factories.make_tenant()
    workflow = limited(tenant, 1)
    factories.start_execution(workflow)
    factories.start_execution(workflow)
    other = started(tenant, document(step("a")))
    assert drained(other).status == "succeeded"


def test_a_limit_that_was_raised_lets_more_in() -> None:
    tenant = factories.make_tenant()
    workflow = limited(tenant, 1)
    for _ in range(3):
        factories.start_execution(workflow)
    factories.publish(workflow, document(step("a"), limits={"executions": 5}))
    new = factories.start_execution(workflow)
    worker_id = new_worker()
    claim = claimed(worker_id)
    finish(claim, worker_id)
    worker.drain(worker_id)
    assert [run.status for run in runs(workflow)] == ["succeeded"] * 4
    invariants.check_ended(new.id)


def test_children_wait_for_their_turn_too() -> None:
    tenant = factories.make_tenant()
    workflow = limited(tenant, 1, slug="child")
    parents = [started(tenant, document(sub_workflow("sub", "child"))) for _ in range(3)]
    worker.drain(new_worker())
    assert [fresh(parent).status for parent in parents] == ["succeeded"] * 3
    assert len(runs(workflow)) == 3
    for parent in parents:
        assert len(children(parent)) == 1
        invariants.check_family(parent.id)


# --- Of a tenant -------------------------------------------------------------------------------


def test_a_tenant_has_a_limit_of_runs_that_go_on(settings: LazySettings) -> None:
    settings.MAX_RUNNING_EXECUTIONS = 2
    busy, other = factories.make_tenant(), factories.make_tenant()
    for _ in range(4):
        started(busy, document(step("a"), step("b")))
    started(other, document(step("a")))
    worker_id = new_worker()
    claims = []
    while claim := services.claim(worker_id):
        claims.append(claim)
    taken = [claim.run.execution_id for claim in claims if claim.run.tenant_id == busy.id]
    assert (len(taken), len(set(taken))) == (4, 2), "both steps of two runs"
    assert len(claims) == 5
    for claim in claims:
        finish(claim, None)
    assert services.claim(worker_id) is not None


def test_a_run_that_waits_leaves_its_place_of_the_tenants(settings: LazySettings) -> None:
    settings.MAX_RUNNING_EXECUTIONS = 1
    tenant = factories.make_tenant()
    waits = started(tenant, document(step("pause", kind="delay")))
    other = started(tenant, document(step("a")))
    worker.drain(new_worker())
    assert (fresh(waits).status, fresh(other).status) == ("waiting", "succeeded")
