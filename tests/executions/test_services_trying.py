"""A test of a draft: it works like any run, and production neither counts it nor hears of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions import services, worker
from executions.models import Execution
from executions.services.attention import attention
from tenants import scope
from tenants.models import Tenant
from tenants.problems import Problem
from tenants.roles import Role
from tests import factories
from tests.executions import invariants
from tests.executions.driving import drained, fresh, new_worker
from tests.executions.families import begun_by, for_each, sub_workflow
from tests.executions.past import copy
from tests.workflows.definitions import document, step
from workflows import pausing
from workflows.filters import ENDS
from workflows.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.usefixtures("committed_db")

LONG_AGO = timedelta(days=31)
WRONG = step("wrong", kind="fail", config={"message": "Out of stock."})
KEEP = step("keep", kind="transform", config={"value": "{{ trigger.body }}"})


def tried(workflow: Workflow, body: Any = None) -> Execution:
    with scope.tenant(workflow.tenant_id):
        return services.run_draft(workflow=workflow, kind="manual", body=body, message="A test.")


def heard_by_all(tenant: Tenant) -> Workflow:
    """A workflow to which two subscriptions listen: one to it, one to any."""
    workflow = factories.make_workflow(tenant)
    listener = factories.make_workflow(tenant, slug="listener")
    for source in (workflow, None):
        factories.subscribe(listener, source, *ENDS)
    return workflow


def all_runs(tenant: Tenant) -> list[Execution]:
    with scope.tenant(tenant.id):
        return list(Execution.objects.order_by("id"))


def test_a_draft_that_was_never_published_runs_to_its_end() -> None:
    tenant = factories.make_tenant()
    value = {"version": "{{ execution.version }}", "body": "{{ trigger.body }}"}
    keep = step("keep", kind="transform", config={"value": value})
    definition = document(keep, output="{{ steps.keep.output }}")
    run = drained(tried(factories.make_draft(tenant, definition), 7))
    assert (run.status, run.test) == ("succeeded", True)
    assert run.output == {"version": None, "body": 7}
    invariants.check_ended(run.id)


def test_its_failure_alarms_nobody() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, slug="alarm")
    definition = document(WRONG, on_failure="alarm")
    workflow = factories.make_workflow(tenant, definition)
    assert drained(tried(workflow)).status == "failed"
    assert [run.workflow_id for run in all_runs(tenant)] == [workflow.id]
    drained(factories.start_execution(workflow))
    assert len(all_runs(tenant)) == 3  # the counterpart: of production it does


def test_no_subscription_hears_of_its_end() -> None:
    workflow = heard_by_all(factories.make_tenant())
    test, real = drained(tried(workflow)), drained(factories.start_execution(workflow))
    assert [len(begun_by(run)) for run in (test, real)] == [0, 2]  # the counterpart is heard


@pytest.mark.parametrize("is_test", [True, False])
def test_a_mark_that_somebody_left_on_it_makes_no_subscription_hear(is_test: bool) -> None:
    workflow = heard_by_all(factories.make_tenant())
    run = tried(workflow) if is_test else factories.start_execution(workflow)
    with scope.tenant(run.tenant_id):
        services.stop(run, by="otto")
        marked = fresh(run).follow_up
        Execution.objects.filter(id=run.id).update(follow_up=True)
    services.follow_up(run.tenant_id, run.id)
    assert (marked, len(begun_by(run))) == ((False, 0) if is_test else (True, 2))


def test_what_it_starts_are_tests_too() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, slug="alarm")
    factories.make_workflow(tenant, document(WRONG, on_failure="alarm"), slug="child")
    definition = document(for_each("items", [1, 2], KEEP), sub_workflow("call", "child", "items"))
    drained(tried(factories.make_draft(tenant, definition)))
    kinds = [(run.trigger_kind, run.test) for run in all_runs(tenant)]
    assert sorted(kinds) == [
        ("item", True),
        ("item", True),
        ("manual", True),
        ("sub_workflow", True),
    ]


@pytest.mark.parametrize("limit", ["queue", "drop", "cancel_oldest"])
def test_it_takes_no_place_of_its_workflow(limit: str) -> None:
    tenant = factories.make_tenant()
    definition = document(step("a"), limits={"executions": 1, "limit": limit})
    workflow = factories.make_workflow(tenant, definition)
    before = factories.start_execution(workflow)
    test = tried(workflow)
    after = tried(workflow)
    assert [(run.status, run.held) for run in map(fresh, (before, test, after))] == [
        ("queued", False)
    ] * 3
    worker.drain(new_worker())
    assert {run.status for run in all_runs(tenant)} == {"succeeded"}


def test_it_is_in_no_list_unless_asked_for() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant)
    real, test = factories.start_execution(workflow), tried(workflow)
    with scope.tenant(tenant.id):
        assert list(Execution.objects.filter(test=False)) == [real]
        assert list(Execution.objects.filter(test=True)) == [test]


def test_its_approval_is_on_nobodys_list() -> None:
    tenant = factories.make_tenant()
    ask = step("ask", kind="approval", config={"title": "Go on?"})
    workflow = factories.make_workflow(tenant, document(ask))
    alice = factories.make_member(tenant, Role.OWNER)
    drained(tried(workflow))
    principal = factories.principal_of(alice, tenant)
    with scope.tenant(tenant.id):
        assert list(attention(principal)) == []
    drained(factories.start_execution(workflow))
    with scope.tenant(tenant.id):
        assert [step_run.key for step_run in attention(principal)] == ["ask"]


@pytest.mark.parametrize("verb", ["resume", "replay"])
@pytest.mark.parametrize("version", ["same", "current"])
def test_a_test_runs_again_as_a_test_of_the_same_draft(verb: str, version: Any) -> None:
    tenant = factories.make_tenant()
    failed = drained(tried(factories.make_draft(tenant, document(WRONG))))
    with scope.tenant(tenant.id):
        again = getattr(services, verb)(failed, by="ed", version=version)
    assert (again.test, again.version_id) == (True, failed.version_id)


def test_it_can_be_tried_and_replayed_while_its_workflow_is_paused() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    with scope.tenant(workflow.tenant_id):
        pausing.pause(workflow=workflow)
    test = drained(tried(workflow))
    with scope.tenant(workflow.tenant_id):
        again = services.replay(test, by="ed", version="same")
    assert (test.status, again.test) == ("succeeded", True)


def test_a_body_that_the_draft_does_not_take_is_refused() -> None:
    definition = document(step("a"), input={"type": "object", "required": ["order_id"]})
    with pytest.raises(Problem, match="input schema"):
        tried(factories.make_draft(factories.make_tenant(), definition), {})


def test_a_draft_is_forgotten_with_its_last_run() -> None:
    run = drained(tried(factories.make_workflow(factories.make_tenant())))
    copy(run, LONG_AGO)
    grow_old(run)
    gone = services.forget_runs(10)
    assert (gone["executions"], gone["trials"]) == (1, 0)  # of its runs one is left
    with scope.tenant(run.tenant_id):
        run.delete()
    assert services.expired_runs()["trials"] == 1
    assert services.forget_runs(10) == {"trials": 1}
    with scope.tenant(run.tenant_id):
        assert [version.number for version in WorkflowVersion.objects.all()] == [1]


def test_a_draft_that_was_just_tried_is_kept() -> None:
    run = tried(factories.make_draft(factories.make_tenant()))
    with scope.tenant(run.tenant_id):
        run.delete()
    assert services.forget_runs(10) == {}


def grow_old(run: Execution) -> None:
    """As if its draft had last been tried long ago."""
    with scope.tenant(run.tenant_id):
        rows = WorkflowVersion.objects.filter(id=run.version_id)
        assert rows.update(published_at=Now() - LONG_AGO)
