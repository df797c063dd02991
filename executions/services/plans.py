"""Compiled versions, kept by id: a version never changes, so a plan is never stale."""

from __future__ import annotations

from threading import Lock
from uuid import UUID

from cachetools import TTLCache, cached

from executions.plan import Plan, compile_plan
from workflows.models import WorkflowVersion

ENTRIES = 256
SECONDS = 300  # a plan that is not used gives its memory back


@cached(TTLCache(ENTRIES, SECONDS), lock=Lock())
def plan_of(version_id: UUID) -> Plan:
    """The plan of a version of the open scope's tenant."""
    definition = WorkflowVersion.objects.values_list("definition", flat=True).get(id=version_id)
    return compile_plan(definition)
