"""Compiled versions, kept by id: a version never changes, so a plan is never stale."""

from __future__ import annotations

from threading import Lock
from uuid import UUID

from cachetools import TTLCache

from executions.plan import Plan, compile_plan
from tenants import scope
from workflows.models import WorkflowVersion

ENTRIES = 256
SECONDS = 300  # a plan that is not used gives its memory back

_plans: TTLCache[UUID, Plan] = TTLCache(ENTRIES, SECONDS)
_lock = Lock()


def plan_of(version_id: UUID) -> Plan:
    """The plan of a version of the open scope's tenant."""
    plan = _known(version_id)
    if plan is None:
        definition = WorkflowVersion.objects.values_list("definition", flat=True).get(id=version_id)
        plan = compile_plan(definition)
        with _lock:
            _plans[version_id] = plan
    return plan


def plan_for(tenant_id: UUID, version_id: UUID) -> Plan:
    """The plan of a version; opens the tenant's scope only if it must be read."""
    plan = _known(version_id)
    if plan is None:
        with scope.tenant(tenant_id):
            plan = plan_of(version_id)
    return plan


def _known(version_id: UUID) -> Plan | None:
    with _lock:
        return _plans.get(version_id)
