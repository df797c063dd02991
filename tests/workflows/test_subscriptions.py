"""Subscriptions: what may be one, and no circle of them. Reacting: tests/executions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import Http404
from hypothesis import given
from hypothesis import strategies as st

from tenants import scope
from tenants.models import Tenant
from tenants.problems import Problem
from tests import factories
from tests.executions.driving import in_threads
from workflows import services, subscriptions
from workflows.models import Subscription, Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def tenant() -> Tenant:
    return factories.make_tenant()


def made(tenant: Tenant, *slugs: str) -> list[Workflow]:
    return [factories.make_workflow(tenant, slug=slug) for slug in slugs]


def changed(subscription: Subscription, **values: Any) -> Subscription:
    with scope.tenant(subscription.tenant_id):
        return subscriptions.change(subscription_id=subscription.id, values=values)


def count(tenant: Tenant) -> int:
    with scope.tenant(tenant.id):
        return Subscription.objects.count()


# --- Circles -----------------------------------------------------------------------------------


def test_a_workflow_may_not_start_itself(tenant: Tenant) -> None:
    [alone] = made(tenant, "alone")
    with pytest.raises(Problem, match="alone -> alone") as refused:
        factories.subscribe(alone, alone)
    assert (refused.value.status, refused.value.code) == (409, "circle")


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_circle_is_refused_when_it_would_be_closed(tenant: Tenant, length: int) -> None:
    workflows = made(tenant, *(f"w{number}" for number in range(length)))
    for source, workflow in pairwise(workflows):
        factories.subscribe(workflow, source)
    with pytest.raises(Problem, match=f"w0 -> .*w{length - 1} -> w0"):
        factories.subscribe(workflows[0], workflows[-1])
    assert count(tenant) == length - 1


def test_a_circle_is_refused_when_it_would_be_switched_on(tenant: Tenant) -> None:
    one, two = made(tenant, "one", "two")
    first = factories.subscribe(two, one)
    changed(first, enabled=False)
    factories.subscribe(one, two)
    with pytest.raises(Problem, match=r"one -> two|two -> one"):
        changed(first, enabled=True)
    changed(first, statuses=["failed"])  # it stays off


def test_ways_that_meet_again_are_no_circle(tenant: Tenant) -> None:
    top, left, right, bottom = made(tenant, "top", "left", "right", "bottom")
    for source, workflow in [(top, left), (top, right), (left, bottom), (right, bottom)]:
        factories.subscribe(workflow, source)
    factories.subscribe(bottom, top)


def test_one_to_all_is_part_of_no_circle(tenant: Tenant) -> None:
    one, two = made(tenant, "one", "two")
    factories.subscribe(one, None)
    factories.subscribe(two, None)
    factories.subscribe(two, one)


def test_of_two_that_would_close_a_circle_at_once_one_is_made(tenant: Tenant) -> None:
    pair = made(tenant, "one", "two")

    def subscribe(number: int) -> bool:
        try:
            factories.subscribe(pair[number], pair[1 - number])
        except Problem:
            return False
        return True

    assert sorted(in_threads(2, subscribe)) == [False, True]
    assert count(tenant) == 1


_IDS = [UUID(int=number) for number in range(6)]


@given(st.sets(st.tuples(st.sampled_from(_IDS), st.sampled_from(_IDS))), st.sampled_from(_IDS))
def test_a_way_is_found_if_there_is_one(pairs: set[tuple[UUID, UUID]], goal: UUID) -> None:
    edges: dict[UUID, list[UUID]] = {}
    for source, target in sorted(pairs):
        edges.setdefault(source, []).append(target)
    reached = {_IDS[0]}
    for _ in _IDS:
        reached |= {target for source, target in pairs if source in reached}
    way = subscriptions.path(edges, _IDS[0], goal)
    assert bool(way) == (goal in reached)
    if way:
        assert (way[0], way[-1]) == (_IDS[0], goal)
        assert set(pairwise(way)) <= pairs


# --- Values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"statuses": []}, "statuses"),
        ({"statuses": ["running"]}, "statuses"),
        ({"filter": "{{ nothing }}"}, "filter"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    tenant: Tenant, values: dict[str, Any], field: str
) -> None:
    one, two = made(tenant, "one", "two")
    subscription = factories.subscribe(one, two)
    with pytest.raises(Problem) as refused:
        changed(subscription, **values)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, field)


@pytest.mark.parametrize("field", ["workflow", "source"])
def test_an_archived_workflow_is_in_no_subscription(tenant: Tenant, field: str) -> None:
    one, two = made(tenant, "one", "two")
    subscription = factories.subscribe(one, two)
    with scope.tenant(tenant.id):
        services.archive(workflow=one if field == "workflow" else two)
    with pytest.raises(Problem) as refused:
        changed(subscription, enabled=True)
    assert refused.value.errors[0]["field"] == field
    with pytest.raises(Problem) as refused:
        factories.subscribe(one, two)
    assert refused.value.errors[0]["field"] == field


def test_switching_on_clears_the_problem(tenant: Tenant) -> None:
    one, two = made(tenant, "one", "two")
    subscription = factories.subscribe(one, two)
    with scope.tenant(tenant.id):
        Subscription.objects.update(problem="It was so.")
    assert changed(subscription, filter="").problem == "It was so."
    assert changed(subscription, enabled=True).problem == ""


def test_what_is_not_there_is_not_found(tenant: Tenant) -> None:
    with scope.tenant(tenant.id):
        with pytest.raises(Http404):
            subscriptions.find(subscription_id=uuid4())
        with pytest.raises(Http404):
            subscriptions.change(subscription_id=uuid4(), values={})
