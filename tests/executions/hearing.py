"""Runs whose ends others hear of, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from executions.models import Execution, Reaction
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions.driving import started
from tests.workflows.definitions import document, step
from workflows.models import Workflow

KEEP = document(step("keep", kind="transform", config={"value": "{{ trigger.body }}"}))
FAIL = step("wrong", kind="fail", config={"message": "Out of stock."})
TOTAL = document(
    step("sum", kind="transform", config={"value": "{{ trigger.body }}"}),
    output={"total": "{{ steps.sum.output }}"},
)


def source_of(tenant: Tenant, *steps: dict[str, Any], **more: Any) -> Workflow:
    return factories.make_workflow(tenant, document(*(steps or (step("a"),)), **more))


def with_alarm(tenant: Tenant, *steps: dict[str, Any], **more: Any) -> Execution:
    """A run of these steps whose failure starts the workflow `alarm`."""
    factories.make_workflow(tenant, KEEP, slug="alarm")
    return started(tenant, document(*steps, on_failure="alarm", **more))


def reactions(execution: Execution) -> list[tuple[str, str]]:
    """What became of the end of a run: outcomes and reasons."""
    with scope.tenant(execution.tenant_id):
        return list(Reaction.objects.filter(execution=execution).values_list("outcome", "reason"))


def marks() -> int:
    with scope.operator("a test looks for marks"):
        return Execution.objects.filter(follow_up=True).count()


def mark_again(execution: Execution) -> None:
    """As if what followed its last transition had not been noted as done, and long ago."""
    with scope.tenant(execution.tenant_id):
        long_ago = Now() - timedelta(minutes=1)
        Execution.objects.filter(id=execution.id).update(follow_up=True, finished_at=long_ago)


def let_the_sweeper_see(execution: Execution) -> None:
    """As if it had ended a minute ago."""
    with scope.tenant(execution.tenant_id):
        rows = Execution.objects.filter(id=execution.id)
        assert rows.update(finished_at=Now() - timedelta(minutes=1))
