"""The one way into a run."""

from __future__ import annotations

import pytest
from django.db import transaction

from executions import services, sweeper
from executions.models import Event, Execution, StepRun
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    events,
    fresh,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_start_writes_a_queued_run_whose_steps_are_all_pending() -> None:
    tenant = factories.make_tenant()
    execution = started(tenant, document(step("a"), step("b"), step("c", "a")), {"n": 1})
    assert execution.status == "queued"
    assert execution.trigger["body"] == {"n": 1}
    assert execution.trigger["kind"] == "manual"
    assert statuses(execution) == {}
    assert kinds(execution) == ["execution.created"]
    invariants.check(execution.id)


def test_the_worker_that_begins_it_writes_its_first_steps() -> None:
    tenant = factories.make_tenant()
    execution = started(tenant, document(step("a"), step("b"), step("c", "a")))
    assert claimed(new_worker()).key == "a"
    assert statuses(execution) == {"a": "running", "b": "queued"}
    assert [(event.seq, event.kind, event.step) for event in events(execution)] == [
        (1, "execution.created", None),
        (2, "execution.running", None),
        (3, "step.started", "a"),
        (4, "step.queued", "b"),
    ]
    invariants.check(execution.id)


def test_no_more_steps_start_than_may_run_at_once() -> None:
    wide = document(*(step(f"s{n}") for n in range(5)), limits={"parallel": 2})
    execution = started(factories.make_tenant(), wide)
    claimed(worker_id := new_worker())
    assert list(statuses(execution).values()) == ["running", "queued"]
    services.unregister(worker_id)
    sweeper.sweep()
    assert drained(execution).status == "succeeded"
    invariants.check_ended(execution.id)


def test_a_start_that_is_rolled_back_leaves_nothing() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant)
    with scope.tenant(tenant.id):
        services.start(workflow=workflow, kind="manual", body=None)
        transaction.set_rollback(True)
    with scope.operator("a test looks for rows"):
        assert not Execution.objects.exists()
        assert not StepRun.objects.exists()
        assert not Event.objects.exists()


def test_who_started_it_is_in_the_history() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    with scope.tenant(workflow.tenant_id):
        execution = services.start(workflow=workflow, kind="manual", body=None, by="otto")
    assert events(execution)[0].message == "Started by otto."


def test_a_run_keeps_the_version_it_began_with() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant, document(step("old")))
    execution = factories.start_execution(workflow)
    factories.publish(workflow, document(step("new")))
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"old": "succeeded"}
    later = drained(factories.start_execution(workflow))
    assert statuses(later) == {"new": "succeeded"}


def test_what_was_never_published_cannot_start() -> None:
    workflow = factories.make_draft(factories.make_tenant())
    with pytest.raises(Problem) as refused:
        factories.start_execution(workflow)
    assert refused.value.status == 409


def test_a_body_that_is_not_what_the_input_asks_for_is_refused_before_a_run_exists() -> None:
    asks = {"type": "object", "required": ["id"]}
    workflow = factories.make_workflow(factories.make_tenant(), document(step("a"), input=asks))
    with pytest.raises(Problem) as refused:
        factories.start_execution(workflow, {"no": "id"})
    assert refused.value.status == 422
    with scope.operator("a test looks for rows"):
        assert not Execution.objects.exists()
    factories.start_execution(workflow, {"id": 1})


@pytest.mark.parametrize("body", [None, 0, "", [], {}, "\x00", "\ud800", {"k\x00": ["\ud83d"]}])
def test_every_body_can_be_stored_and_run(body: object) -> None:
    echo = step("a", kind="transform", config={"value": "{{ trigger.body }}"})
    execution = started(factories.make_tenant(), document(echo), body)  # type: ignore[arg-type]  # what JSON texts may hold
    assert drained(execution).status == "succeeded"
    assert step_run(execution, "a").output == fresh(execution).trigger["body"]
    assert kinds(execution)[-1] == "execution.succeeded"
    invariants.check_ended(execution.id)
