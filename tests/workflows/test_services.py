"""The verbs on workflows where several people use them at once, and where they are asked amiss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.http import Http404

from tenants import scope
from tenants.problems import Problem
from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step
from workflows import services
from workflows.models import Workflow, WorkflowVersion

GOOD = document(step("a"))


def at_once(tenant: Caller, act: Callable[[int], Any], times: int = 4) -> list[Any]:
    """Let threads act in the tenant's scope at the same time; their results or Problems."""
    start = threading.Barrier(times)

    def one(number: int) -> Any:
        try:
            with scope.tenant(tenant.tenant_id):
                start.wait(timeout=30)
                return act(number)
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def made(tenant: Caller) -> Workflow:
    with scope.tenant(tenant.tenant_id):
        return services.create(tenant_id=tenant.tenant_id, name="flow", definition=GOOD)


def test_of_drafts_saved_at_once_one_wins(committed_db: None) -> None:
    acme = owner_of("acme")
    workflow = made(acme)

    results = at_once(
        acme,
        lambda number: services.save_draft(
            workflow=workflow, definition=document(step(f"s{number}")), expected_revision=1
        ),
    )

    assert sorted(type(result).__name__ for result in results) == [*["Problem"] * 3, "Workflow"]
    assert {result.status for result in results if isinstance(result, Problem)} == {412}


def test_published_at_once_a_draft_becomes_one_version(committed_db: None) -> None:
    acme = owner_of("acme")
    workflow = made(acme)

    results = at_once(acme, lambda _: services.publish(workflow=workflow, by=None))

    assert [version.number for version in results] == [1, 1, 1, 1]
    with scope.tenant(acme.tenant_id):
        assert WorkflowVersion.objects.count() == 1


def test_of_workflows_made_at_once_under_one_slug_one_is_made(committed_db: None) -> None:
    acme = owner_of("acme")

    results = at_once(
        acme,
        lambda _: services.create(
            tenant_id=acme.tenant_id, name="flow", slug="flow", definition=GOOD
        ),
    )

    assert sum(isinstance(result, Workflow) for result in results) == 1
    assert {result.status for result in results if isinstance(result, Problem)} == {409}


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Über_cool  flow!", "uber-cool-flow"),
        ("日本", "workflow"),
        ("--", "workflow"),
        ("x" * 200, "x" * 63),
        ("a" * 62 + " b", "a" * 62),
    ],
)
def test_a_slug_is_made_of_any_name(acme: Caller, name: str, slug: str) -> None:
    with scope.tenant(acme.tenant_id):
        workflow = services.create(tenant_id=acme.tenant_id, name=name, definition=GOOD)
        again = services.create(tenant_id=acme.tenant_id, name=name, definition=GOOD)
        workflow.full_clean()
        again.full_clean()

    assert workflow.slug == slug
    assert again.slug != slug


def test_an_archived_workflow_takes_no_changes(acme: Caller) -> None:
    workflow = made(acme)
    with scope.tenant(acme.tenant_id):
        services.archive(workflow=workflow)

        with pytest.raises(Http404):
            services.save_draft(workflow=workflow, definition=GOOD, expected_revision=None)
        with pytest.raises(Http404):
            services.publish(workflow=workflow, by=None)


def test_a_version_published_before_can_be_published_again(acme: Caller) -> None:
    workflow = made(acme)
    with scope.tenant(acme.tenant_id):
        services.publish(workflow=workflow, by=None)
        services.save_draft(
            workflow=workflow, definition=document(step("z")), expected_revision=None
        )
        services.publish(workflow=workflow, by=None)
        services.restore(workflow=workflow, number=1)
        again = services.publish(workflow=workflow, by=None)

    assert again.number == 3
    assert again.definition == GOOD


def test_the_deployments_limits_are_those_that_publishing_checks(
    acme: Caller, settings: Any
) -> None:
    settings.MAX_STEPS = 1
    with scope.tenant(acme.tenant_id):
        found = services.problems(
            tenant_id=acme.tenant_id, definition=document(step("a"), step("b"))
        )

    assert [problem.code for problem in found] == ["too_many_steps"]
