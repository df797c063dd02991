"""Workflows that start when runs of others end: once for each, whatever dies, and in no circle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions import failpoints, services, sweeper, worker
from executions.invariants import violations
from executions.models import Execution, Reaction
from executions.states import EXECUTION_ENDED
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
    finish_and_die,
    fresh,
    in_threads,
    new_worker,
    step_run,
)
from tests.executions.families import begun_by, children, for_each, sub_workflow
from tests.workflows.definitions import document, step
from workflows import filters, pausing, subscriptions
from workflows import services as workflow_services
from workflows.models import Subscription, Workflow
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

KEEP = document(step("keep", kind="transform", config={"value": "{{ trigger.body }}"}))
FAIL = step("wrong", kind="fail", config={"message": "Out of stock."})
TOTAL = document(
    step("sum", kind="transform", config={"value": "{{ trigger.body }}"}),
    output={"total": "{{ steps.sum.output }}"},
)


@pytest.fixture
def tenant() -> Tenant:
    return factories.make_tenant()


@pytest.fixture
def listener(tenant: Tenant) -> Workflow:
    return factories.make_workflow(tenant, KEEP, slug="listener")


def source_of(tenant: Tenant, *steps: dict[str, Any], **more: Any) -> Workflow:
    return factories.make_workflow(tenant, document(*(steps or (step("a"),)), **more))


def reactions(execution: Execution) -> list[tuple[str, str]]:
    """What became of the end of a run: outcomes and reasons."""
    with scope.tenant(execution.tenant_id):
        return list(Reaction.objects.filter(execution=execution).values_list("outcome", "reason"))


def problem_of(subscription: Subscription) -> str:
    with scope.tenant(subscription.tenant_id):
        return Subscription.objects.get(id=subscription.id).problem


def marks() -> int:
    with scope.operator("a test looks for marks"):
        return Execution.objects.filter(follow_up=True).count()


def let_the_sweeper_see(execution: Execution) -> None:
    """As if it had ended a minute ago."""
    with scope.tenant(execution.tenant_id):
        rows = Execution.objects.filter(id=execution.id)
        assert rows.update(finished_at=Now() - timedelta(minutes=1))


# --- What is heard -----------------------------------------------------------------------------


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


# --- Filters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "outcome"), [(101, "started"), (100, "filtered")])
def test_a_filter_decides(tenant: Tenant, listener: Workflow, total: int, outcome: str) -> None:
    source = factories.make_workflow(tenant, TOTAL)
    factories.subscribe(listener, source, filter="{{ event.output.total > 100 }}")
    execution = drained(factories.start_execution(source, total))
    assert reactions(execution) == [(outcome, "")]
    assert len(begun_by(execution)) == (outcome == "started")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ event.output.sum > 1 }}", "sum"),
        ("{{ event.output.total }}", "true or false"),
        ("{{ event.output.total / 0 > 1 }}", "zero"),
        ("{{ (event.output.total | string) * 900000000 == '' }}", ""),
    ],
)
def test_a_filter_that_fails_starts_nothing_and_says_why(
    tenant: Tenant, listener: Workflow, source: str, said: str
) -> None:
    orders = factories.make_workflow(tenant, TOTAL)
    subscription = factories.subscribe(listener, orders, filter=source)
    execution = drained(factories.start_execution(orders, 5))
    [(outcome, reason)] = reactions(execution)
    assert outcome == "filter_failed"
    assert said in reason
    assert problem_of(subscription) == reason
    assert begun_by(execution) == []
    assert marks() == 0


# --- What the subscriber would not take --------------------------------------------------------


def test_a_mismatch_with_the_input_schema_is_refused_and_said(tenant: Tenant) -> None:
    asks = {"type": "object", "properties": {"output": {"type": "object"}}, "required": ["output"]}
    picky = factories.make_workflow(tenant, {**KEEP, "input": asks})
    source = source_of(tenant)
    subscription = factories.subscribe(picky, source)
    execution = drained(factories.start_execution(source))
    [(outcome, reason)] = reactions(execution)
    assert outcome == "refused"
    assert "output" in reason
    assert problem_of(subscription) == reason
    factories.publish(source, TOTAL)
    drained(factories.start_execution(source, 1))
    assert problem_of(subscription) == ""


def test_a_subscriber_that_was_never_published_is_refused_and_said(tenant: Tenant) -> None:
    source = source_of(tenant)
    factories.subscribe(factories.make_draft(tenant), source)
    execution = drained(factories.start_execution(source))
    [(outcome, reason)] = reactions(execution)
    assert (outcome, "no live version" in reason) == ("refused", True)


def test_a_subscriber_that_is_paused_is_refused_and_said(
    tenant: Tenant, listener: Workflow
) -> None:
    source = source_of(tenant)
    factories.subscribe(listener, source)
    with scope.tenant(tenant.id):
        pausing.pause(workflow=listener)
    execution = drained(factories.start_execution(source))
    [(outcome, reason)] = reactions(execution)
    assert (outcome, "is paused" in reason) == ("refused", True)
    assert begun_by(execution) == []


def test_a_chain_ends_where_it_may_go_no_further(
    tenant: Tenant, listener: Workflow, settings: Any
) -> None:
    settings.MAX_CHAIN = 1
    middle = source_of(tenant)
    source = source_of(tenant)
    factories.subscribe(middle, source)
    factories.subscribe(listener, middle)
    execution = drained(factories.start_execution(source))
    [begun] = begun_by(execution)
    assert reactions(begun) == [("refused", "1 runs led to this one already.")]


def test_an_alarm_and_a_subscription_that_lead_to_each_other_come_to_an_end(
    tenant: Tenant, settings: Any
) -> None:
    settings.MAX_CHAIN = 4
    alarm = factories.make_workflow(tenant, slug="alarm")
    source = source_of(tenant, FAIL, on_failure="alarm")
    factories.subscribe(source, alarm)
    drained(factories.start_execution(source))
    with scope.tenant(tenant.id):
        assert Execution.objects.count() == 5


def test_an_archived_workflow_is_subscribed_to_nothing_any_more(
    tenant: Tenant, listener: Workflow
) -> None:
    source = source_of(tenant)
    subscription = factories.subscribe(listener, source)
    with scope.tenant(tenant.id):
        workflow_services.archive(workflow=listener)
    assert reactions(drained(factories.start_execution(source))) == []
    assert problem_of(subscription) == "The workflow 'listener' was archived."


# --- Once --------------------------------------------------------------------------------------


def ended_unheard(tenant: Tenant, listener: Workflow) -> Execution:
    """A run that has ended, and whose worker died right after the commit."""
    source = source_of(tenant)
    factories.subscribe(listener, source, *filters.ENDS)
    execution = factories.start_execution(source)
    finish_and_die(claimed(new_worker()), Done())
    assert reactions(fresh(execution)) == []
    let_the_sweeper_see(execution)
    return execution


def test_a_worker_that_dies_after_the_commit_loses_no_event(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_sweepers_at_once_start_one_run(tenant: Tenant, listener: Workflow) -> None:
    execution = ended_unheard(tenant, listener)
    in_threads(4, lambda _: sweeper.sweep())
    assert len(begun_by(execution)) == 1
    assert reactions(execution) == [("started", "")]
    assert marks() == 0


def test_an_event_that_is_followed_up_again_starts_nothing_more(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    sweeper.sweep()
    with scope.tenant(tenant.id):
        Execution.objects.filter(id=execution.id).update(follow_up=True)
    sweeper.sweep()
    assert len(begun_by(execution)) == 1
    assert marks() == 0


def test_a_death_between_the_reaction_and_its_commit_leaves_nothing_and_is_made_up_for(
    tenant: Tenant, listener: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = ended_unheard(tenant, listener)
    armed = {"in_reaction": (failpoints._raise, 1.0)}
    monkeypatch.setattr(failpoints, "_ARMED", armed)
    sweeper.sweep()
    assert (begun_by(execution), reactions(execution), marks()) == ([], [], 1)
    monkeypatch.setattr(failpoints, "_ARMED", {})
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (1, 0)


def test_what_fails_for_one_subscription_is_made_up_for_and_others_react_once(
    tenant: Tenant, listener: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = ended_unheard(tenant, listener)
    with scope.tenant(tenant.id):
        source = execution.workflow
    factories.subscribe(factories.make_workflow(tenant, KEEP), source)
    shares = iter([0.0, 1.0])
    monkeypatch.setattr(failpoints, "_ARMED", {"in_reaction": (failpoints._raise, 0.5)})
    monkeypatch.setattr("random.random", lambda: 1.0 - next(shares))
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (1, 1)
    monkeypatch.setattr(failpoints, "_ARMED", {})
    sweeper.sweep()
    assert (len(begun_by(execution)), marks()) == (2, 0)


def test_the_doctor_finds_an_event_that_nobody_heard_and_mends_it(
    tenant: Tenant, listener: Workflow
) -> None:
    execution = ended_unheard(tenant, listener)
    [found] = [one for one in violations() if one.execution_id == execution.id]
    assert found.name == "not-followed-up"
    assert services.repair(found)
    assert reactions(execution) == [("started", "")]
    assert violations() == []


def test_failed_runs_of_a_dead_worker_are_heard_as_failed(
    tenant: Tenant, listener: Workflow
) -> None:
    source = source_of(tenant)
    factories.subscribe(listener, source, "failed")
    execution = factories.start_execution(source)
    finish_and_die(claimed(new_worker()), FAILED)
    let_the_sweeper_see(execution)
    sweeper.sweep()
    [begun] = begun_by(execution)
    assert begun.trigger["body"]["execution"]["status"] == "failed"
