"""Compiled versions, kept by id: a version never changes, so a plan is never stale."""

from __future__ import annotations

from threading import Lock
from uuid import UUID

from cachetools import TTLCache

from executions.models import Execution
from executions.plan import Plan, compile_plan
from tenants import scope
from workflows.models import WorkflowVersion

ENTRIES = 256
SECONDS = 300  # a plan that is not used gives its memory back

_plans: TTLCache[tuple[UUID, str | None], Plan] = TTLCache(ENTRIES, SECONDS)
_lock = Lock()


def plan_of(version_id: UUID, body: str | None = None) -> Plan:
    """The plan of a version of the open scope's tenant, or of the body of its for_each `body`."""
    plan = known(version_id, body)
    if plan is None:
        row = WorkflowVersion.objects.values_list("definition", "pins").get(id=version_id)
        definition, pins = row
        plan = compile_plan(
            definition, body=body, pins={slug: UUID(pin) for slug, pin in pins.items()}
        )
        with _lock:
            _plans[version_id, body] = plan
    return plan


def plan_for(tenant_id: UUID, version_id: UUID, body: str | None = None) -> Plan:
    """The plan of a version; opens the tenant's scope only if it must be read."""
    plan = known(version_id, body)
    if plan is None:
        with scope.tenant(tenant_id):
            plan = plan_of(version_id, body)
    return plan


def plan_of_run(execution: Execution) -> Plan:
    """The plan of an execution of the open scope's tenant; of an item's that of its body.

    Raises ValueError for a version of before a change of the language.
    """
    is_item = execution.item_index is not None
    return plan_of(execution.version_id, execution.parent_step if is_item else None)


def known(version_id: UUID, body: str | None = None) -> Plan | None:
    """A plan that is in memory."""
    with _lock:
        return _plans.get((version_id, body))
