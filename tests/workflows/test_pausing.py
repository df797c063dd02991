"""A paused workflow begins no runs; what runs goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import services
from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tenants.problems import Problem
from tests import factories
from tests.executions.driving import drained
from tests.workflows.definitions import document, step
from workflows import pausing, schedules
from workflows.models import Schedule, Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def tenant() -> Tenant:
    return factories.make_tenant()


def pause(workflow: Workflow) -> None:
    with scope.tenant(workflow.tenant_id):
        pausing.pause(workflow=workflow)


def resume(workflow: Workflow) -> None:
    with scope.tenant(workflow.tenant_id):
        pausing.resume(workflow=workflow)


def test_a_second_pause_keeps_the_time_of_the_first(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    pause(workflow)
    first = workflow.paused_at
    pause(workflow)
    assert first is not None
    assert workflow.paused_at == first


def test_no_run_begins_by_hand_or_as_a_replay(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    run = drained(factories.start_execution(workflow))
    pause(workflow)
    with pytest.raises(Problem, match="is paused"):
        factories.start_execution(workflow)
    with scope.tenant(tenant.id), pytest.raises(Problem, match="is paused"):
        services.replay(Execution.objects.select_related("workflow").get(id=run.id), by="alice")
    resume(workflow)
    factories.start_execution(workflow)


def test_what_runs_goes_on(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant, document(step("a"), step("b", "a")))
    run = factories.start_execution(workflow)
    pause(workflow)
    assert drained(run).status == "succeeded"


def test_a_paused_workflow_is_still_edited_and_published(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    pause(workflow)
    factories.publish(workflow, document(step("a"), step("b")))
    with scope.tenant(tenant.id):
        assert workflow.current is not None
        assert workflow.current.number == 2


def late(workflow: Workflow) -> Schedule:
    """A schedule of it with a slot that is due."""
    schedule = factories.make_schedule(workflow, "* * * * *")
    with scope.tenant(workflow.tenant_id):
        Schedule.objects.update(
            handled_until=Now() - timedelta(minutes=3), next_at=Now() - timedelta(minutes=2)
        )
    return schedule


def runs(tenant: Tenant) -> int:
    with scope.tenant(tenant.id):
        return Execution.objects.count()


def test_its_schedules_do_not_fire_and_what_they_missed_is_left_out(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    schedule = late(workflow)
    pause(workflow)
    assert services.due_schedules() == []
    services.fire(tenant.id, schedule.id)
    assert runs(tenant) == 0
    resume(workflow)
    with scope.tenant(tenant.id):
        (now_on,) = Schedule.objects.annotate(now=Now())
    assert now_on.next_at is not None
    assert now_on.next_at > now_on.now - timedelta(seconds=60)
    assert now_on.handled_until > schedule.handled_until - timedelta(seconds=1)


def test_a_workflow_that_is_not_paused_has_nothing_to_resume(tenant: Tenant) -> None:
    """Else a second click would leave out a slot that is due."""
    workflow = factories.make_workflow(tenant)
    schedule = late(workflow)
    resume(workflow)
    assert services.due_schedules() == [(tenant.id, schedule.id)]


def test_a_schedule_that_is_paused_itself_stays_so(tenant: Tenant) -> None:
    workflow = factories.make_workflow(tenant)
    made = factories.make_schedule(workflow)
    schedules.change(tenant_id=tenant.id, schedule_id=made.id, values={"paused": True})
    pause(workflow)
    resume(workflow)
    with scope.tenant(tenant.id):
        assert Schedule.objects.get().next_at is None


def test_another_workflow_is_not_paused_with_it(tenant: Tenant) -> None:
    one, other = factories.make_workflow(tenant), factories.make_workflow(tenant)
    schedule = late(other)
    pause(one)
    factories.start_execution(other)
    assert services.due_schedules() == [(tenant.id, schedule.id)]
