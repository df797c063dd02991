"""Sub-workflows: found, pinned at publish, kept from running in circles or too deep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenants import scope
from tenants.problems import Problem
from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step
from workflows import services
from workflows.models import Workflow, WorkflowVersion


@pytest.fixture
def acme(db: None) -> Iterator[Caller]:
    caller = owner_of("acme")
    with scope.tenant(caller.tenant_id):
        yield caller


def starting(*slugs: str, **more: Any) -> dict[str, Any]:
    """A definition whose steps start these workflows."""
    steps = [
        step(f"s{at}", kind="sub_workflow", config={"workflow": slug})
        for at, slug in enumerate(slugs)
    ]
    return document(step("first"), *steps, **more)


def drafted(acme: Caller, slug: str, definition: Any) -> Workflow:
    """The workflow with this draft."""
    existing = Workflow.objects.filter(slug=slug).first()
    if existing is None:
        return services.create(
            tenant_id=acme.tenant_id, name=slug, slug=slug, definition=definition
        )
    return services.save_draft(workflow=existing, definition=definition, expected_revision=None)


def published(acme: Caller, slug: str, *starts: str) -> WorkflowVersion:
    workflow = drafted(acme, slug, starting(*starts))
    return services.publish(workflow=workflow, by=None)


def told(acme: Caller, definition: Any, slug: str | None = None) -> list[tuple[Any, ...]]:
    found = services.problems(tenant_id=acme.tenant_id, definition=definition, slug=slug)
    return [(p.severity, p.code, p.step, p.field, p.message) for p in found]


def test_the_current_version_is_pinned(acme: Caller) -> None:
    child = published(acme, "child")
    assert published(acme, "parent", "child").pins == {"child": str(child.id)}
    assert child.pins == {}


def test_steps_in_bodies_are_pinned_too(acme: Caller) -> None:
    child = published(acme, "child")
    inner = step("inner", kind="sub_workflow", config={"workflow": "child"})
    each = step("each", kind="for_each", config={"items": [1], "steps": [inner]})
    parent = services.publish(workflow=drafted(acme, "parent", document(each)), by=None)
    assert parent.pins == {"child": str(child.id)}


def test_a_pin_moves_only_when_the_parent_is_published_again(acme: Caller) -> None:
    parent = (published(acme, "child"), published(acme, "parent", "child"))[1]
    second = services.publish(workflow=drafted(acme, "child", document(step("changed"))), by=None)
    parent.refresh_from_db()
    assert parent.pins != {"child": str(second.id)}
    again = published(acme, "parent", "child")
    assert (again.number, again.pins) == (2, {"child": str(second.id)})
    assert published(acme, "parent", "child").number == 2


@pytest.mark.parametrize(
    ("slug", "code", "words"),
    [
        ("chidl", "unknown_workflow", 'There is no workflow "chidl". Did you mean "child"?'),
        ("unborn", "unpublished_workflow", '"unborn" has no published version yet.'),
        ("gone", "unknown_workflow", 'There is no workflow "gone".'),
        ("parent", "workflow_cycle", "in a circle: parent -> parent."),
    ],
)
def test_a_workflow_that_cannot_be_started_is_told(
    acme: Caller, slug: str, code: str, words: str
) -> None:
    published(acme, "child")
    published(acme, "gone")
    services.archive(workflow=Workflow.objects.get(slug="gone"))
    drafted(acme, "unborn", starting())

    ((severity, found, step_key, field, message),) = told(acme, starting(slug), "parent")
    assert (severity, found, step_key, field) == ("error", code, "s0", "with.workflow")
    assert words in message
    with pytest.raises(Problem) as refusal:
        published(acme, "parent", slug)
    assert refusal.value.status == 422


def test_a_circle_through_pins_is_shown_as_a_path(acme: Caller) -> None:
    published(acme, "a")
    published(acme, "b", "a")
    published(acme, "c", "b")
    ((_, code, _, _, message),) = told(acme, starting("c"), "a")
    assert code == "workflow_cycle"
    assert message == "These workflows would start each other in a circle: a -> c -> b -> a."


def test_sub_workflows_go_only_so_deep(acme: Caller) -> None:
    for slug, *starts in (("one",), ("two", "one"), ("three", "two"), ("four", "three")):
        published(acme, slug, *starts)
    ((_, code, _, _, message),) = told(acme, starting("four"), "five")
    assert code == "too_deep"
    assert message == (
        "Sub-workflows go 3 levels deep at most: five -> four -> three -> two -> one."
    )
    assert "this workflow -> four" in told(acme, starting("four"))[0][4]


def test_the_deployment_says_how_deep(acme: Caller, settings: Any) -> None:
    settings.MAX_SUB_WORKFLOW_LEVELS = 1
    published(acme, "one")
    published(acme, "two", "one")
    assert [code for _, code, *_ in told(acme, starting("two"))] == ["too_deep"]


def test_another_tenants_workflow_is_none(db: None) -> None:
    acme, other = owner_of("acme"), owner_of("other")
    with scope.tenant(acme.tenant_id):
        published(acme, "child")
    with scope.tenant(other.tenant_id):
        ((_, code, _, _, message),) = told(other, starting("child"))
    assert (code, message) == ("unknown_workflow", 'There is no workflow "child".')


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("child", None),
        ("chidl", "unknown_workflow"),
        ("unborn", "unpublished_workflow"),
        ("parent", "workflow_cycle"),
    ],
)
def test_a_workflow_for_failures_that_will_not_start_is_warned_about(
    acme: Caller, slug: str, code: str | None
) -> None:
    published(acme, "child")
    drafted(acme, "unborn", starting())
    found = told(acme, starting(on_failure=slug), "parent")
    expected = [("warning", code, None, "on_failure")] if code else []
    assert [problem[:4] for problem in found] == expected
