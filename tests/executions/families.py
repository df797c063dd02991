"""Runs that start others: their definitions, and the runs that came of them."""

from __future__ import annotations

from typing import Any

from executions.models import Execution
from tenants import scope
from tests.workflows.definitions import step
from workflows.definition import JSON

ITEM = step("one", kind="transform", config={"value": "{{ item }}"})


def for_each(
    key: str, items: JSON, *body: dict[str, Any], needs: tuple[str, ...] = (), **config: Any
) -> dict[str, Any]:
    """A for_each step; without a body its items come back as they are."""
    given = {"items": items, "steps": list(body or (ITEM,)), **config}
    more = {name: given.pop(name) for name in ("retry", "continue_on_failure") if name in given}
    return step(key, *needs, kind="for_each", config=given, **more)


def sub_workflow(key: str, slug: str, *needs: str, **config: Any) -> dict[str, Any]:
    """A step that starts the workflow with this slug."""
    given = {"workflow": slug, **config}
    more = {name: given.pop(name) for name in ("retry", "continue_on_failure") if name in given}
    return step(key, *needs, kind="sub_workflow", config=given, **more)


def children(execution: Execution, key: str | None = None) -> list[Execution]:
    """The runs that its steps wait for, or waited for, in the order of their items."""
    with scope.tenant(execution.tenant_id):
        rows = Execution.objects.filter(parent=execution).order_by("item_index", "id")
        return list(rows.filter(parent_step=key) if key else rows)


def begun_by(execution: Execution) -> list[Execution]:
    """The runs that name it as their origin, the oldest first."""
    with scope.tenant(execution.tenant_id):
        return list(Execution.objects.filter(origin=execution).order_by("id"))
