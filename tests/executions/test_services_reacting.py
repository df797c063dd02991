"""Workflows that start when runs of others end: once for each, whatever dies, and in no circle."""

from __future__ import annotations

import pytest

from executions import services, sweeper, worker
from executions.states import EXECUTION_ENDED
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    new_worker,
    step_run,
)
from tests.executions.families import begun_by, children, for_each, sub_workflow
from tests.executions.hearing import (
    FAIL,
    KEEP,
    TOTAL,
    let_the_sweeper_see,
    marks,
    reactions,
    source_of,
)
from tests.workflows.definitions import step
from workflows import filters, subscriptions
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


def test_the_ends_are_those_of_executions() -> None:
    assert set(filters.ENDS) == {status.value for status in EXECUTION_ENDED}


def test_the_end_of_a_run_starts_the_subscriber_with_the_facts(
    tenant: Tenant, listener: Workflow
) -> None:
    source = factories.make_workflow(tenant, TOTAL, slug="orders")
    factories.subscribe(listener, source)
    execution = drained(factories.start_execution(source, 7))
    [begun] = begun_by(execution)
    assert (begun.trigger_kind, begun.depth, begun.status) == ("workflow", 1, "succeeded")
    heard = step_run(begun, "keep").output
    assert isinstance(heard, dict)
    facts = heard["execution"]
    assert (facts.pop("created_at"), facts.pop("finished_at")) != ("", "")
    assert facts == {
        "id": str(execution.id),
        "url": f"http://127.0.0.1:8000/api/v1/executions/{execution.id}/",
        "workflow": "orders",
        "version": 1,
        "status": "succeeded",
        "trigger": "manual",
    }
    assert (heard["output"], heard["step"], heard["error"]) == ({"total": 7}, None, None)
    assert reactions(execution) == [("started", "")]
    assert marks() == 0
    invariants.check_ended(begun.id)
    invariants.check_ended(execution.id)


def test_what_an_event_has_is_what_filters_may_name(tenant: Tenant, listener: Workflow) -> None:
    source = source_of(tenant, FAIL)
    factories.subscribe(listener, source, "failed")
    [begun] = begun_by(drained(factories.start_execution(source)))
    event = step_run(begun, "keep").output
    assert isinstance(event, dict)
    assert event.keys() == filters.MEMBERS.keys()
    assert set(event["execution"]) == set(filters.MEMBERS["execution"])
    assert (event["step"], event["error"]["message"]) == ("wrong", "Out of stock.")


@pytest.mark.parametrize("statuses", [("succeeded",), ("failed", "timed_out"), filters.ENDS])
def test_only_the_ends_that_were_asked_for_are_heard(
    tenant: Tenant, listener: Workflow, statuses: tuple[str, ...]
) -> None:
    good, bad = source_of(tenant), source_of(tenant, FAIL)
    for source in (good, bad):
        factories.subscribe(listener, source, *statuses)
    heard = [
        source for source in (good, bad) if begun_by(drained(factories.start_execution(source)))
    ]
    expected = [(good, "succeeded"), (bad, "failed")]
    assert heard == [source for source, status in expected if status in statuses]


def test_a_subscription_that_is_off_hears_nothing(tenant: Tenant, listener: Workflow) -> None:
    source = source_of(tenant)
    subscription = factories.subscribe(listener, source)
    with scope.tenant(tenant.id):
        subscriptions.change(subscription_id=subscription.id, values={"enabled": False})
    execution = drained(factories.start_execution(source))
    assert begun_by(execution) == []
    assert reactions(execution) == []


def test_one_made_while_a_run_is_under_way_hears_of_its_end(
    tenant: Tenant, listener: Workflow
) -> None:
    source = source_of(tenant)
    execution = factories.start_execution(source)
    worker_id = new_worker()
    claim = claimed(worker_id)
    factories.subscribe(listener, source)
    worker._step(claim, worker_id, worker.Watch())
    assert len(begun_by(execution)) == 1


def test_another_tenants_runs_are_not_heard(tenant: Tenant, listener: Workflow) -> None:
    factories.subscribe(listener, None, *filters.ENDS)
    stranger = drained(factories.start_execution(source_of(factories.make_tenant())))
    assert begun_by(stranger) == []


def test_one_to_all_hears_of_runs_that_no_other_led_to(tenant: Tenant, listener: Workflow) -> None:
    """Else two of them, or one and an alarm, could go on without end."""
    second = factories.make_workflow(tenant, KEEP, slug="second")
    for workflow in (listener, second):
        factories.subscribe(workflow, None)
    execution = drained(factories.start_execution(source_of(tenant)))
    assert len(begun_by(execution)) == 2
    assert [begun_by(begun) for begun in begun_by(execution)] == [[], []]
    own = drained(factories.start_execution(listener))
    assert [begun.workflow_id for begun in begun_by(own)] == [second.id]


def test_items_and_awaited_sub_workflows_are_no_events_and_their_run_is(
    tenant: Tenant, listener: Workflow
) -> None:
    child = factories.make_workflow(tenant, slug="child")
    source = source_of(tenant, for_each("each", [1, 2], step("a")), sub_workflow("sub", "child"))
    for heard in (source, child):
        factories.subscribe(listener, heard)
    execution = drained(factories.start_execution(source))
    assert [begun.trigger_kind for begun in begun_by(execution)].count("workflow") == 1
    assert all(reactions(run) == [] for run in children(execution))
    assert reactions(execution) == [("started", "")]


def test_a_detached_sub_workflow_is_a_run_of_its_own(tenant: Tenant, listener: Workflow) -> None:
    child = factories.make_workflow(tenant, slug="child")
    factories.subscribe(listener, child)
    source = source_of(tenant, sub_workflow("sub", "child", wait=False))
    [detached] = begun_by(drained(factories.start_execution(source)))
    assert reactions(detached) == [("started", "")]


@pytest.mark.parametrize("verb", ["replay", "resume"])
def test_runs_again_are_events_too_and_say_so(
    tenant: Tenant, listener: Workflow, verb: str
) -> None:
    source = source_of(tenant, FAIL)
    factories.subscribe(listener, source, "failed")
    first = drained(factories.start_execution(source))
    with scope.tenant(tenant.id):
        again = getattr(services, verb)(first, by="otto")
    [begun] = begun_by(drained(again))
    assert begun.trigger["body"]["execution"]["trigger"] == verb


def test_a_cancelled_run_is_heard_once_a_worker_comes_by(
    tenant: Tenant, listener: Workflow
) -> None:
    """Who cancels may be the web, which evaluates nothing."""
    source = source_of(tenant, step("wait", kind="delay"))
    factories.subscribe(
        listener, source, "cancelled", filter="{{ event.error.kind == 'cancelled' }}"
    )
    execution = drained(factories.start_execution(source))
    with scope.tenant(tenant.id):
        services.stop(execution, by="otto")
    assert (reactions(execution), marks()) == ([], 1)
    let_the_sweeper_see(execution)
    sweeper.sweep()
    assert (reactions(execution), marks()) == ([("started", "")], 0)
