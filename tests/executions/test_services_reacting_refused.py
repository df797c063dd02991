"""Ends that are heard and start nothing: filtered, refused, or gone too far."""

from __future__ import annotations

from typing import Any

import pytest

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions.driving import (
    drained,
)
from tests.executions.families import begun_by
from tests.executions.hearing import (
    FAIL,
    KEEP,
    TOTAL,
    marks,
    reactions,
    source_of,
)
from workflows import pausing
from workflows import services as workflow_services
from workflows.models import Subscription, Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


def problem_of(subscription: Subscription) -> str:
    with scope.tenant(subscription.tenant_id):
        return Subscription.objects.get(id=subscription.id).problem


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
