"""Runs that start others: their definitions, and the runs that came of them."""

from __future__ import annotations

from typing import Any

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests.executions.driving import drained, output_of, started
from tests.workflows.definitions import document, step
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


def children(execution: Execution) -> list[Execution]:
    """The runs that its steps wait for, or waited for, in the order of their items."""
    with scope.tenant(execution.tenant_id):
        return list(Execution.objects.filter(parent=execution).order_by("item_index", "id"))


def begun_by(execution: Execution) -> list[Execution]:
    """The runs that name it as their origin, the oldest first."""
    with scope.tenant(execution.tenant_id):
        return list(Execution.objects.filter(origin=execution).order_by("id"))


def run_with(tenant: Tenant, *steps: dict[str, object], body: JSON = None) -> Execution:
    """A run of these steps after a worker did all there was to do."""
    return drained(started(tenant, document(*steps), body))


def results(execution: Execution, key: str = "each") -> JSON:
    """What the items of a for_each that has ended left behind."""
    found: JSON = output_of(execution, key)["results"]
    return found
