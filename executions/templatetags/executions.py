"""Template filters and tags of executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import OuterRef, Subquery

from executions import services
from executions.models import Execution
from executions.timeline import span
from tenants import scope
from workflows.models import Workflow

MANY = 100
# Where what is no section of the navigation belongs.
_WITHIN = {
    "deliveries": "endpoints",
    "invitations": "members",
    "leave": "members",
    "new-workflow": "workflows",
}

register = template.Library()


@register.filter
def took(execution: Execution) -> str:
    """How long an execution ran; empty while it runs."""
    if execution.started_at is None or execution.finished_at is None:
        return ""
    return span((execution.finished_at - execution.started_at).total_seconds())


@register.filter
def section(path: str) -> str:
    """To which section of the navigation a page, `/t/<tenant>/<section>/...`, belongs."""
    _, _, _, part, *_ = [*path.split("/"), "", "", ""]
    return _WITHIN.get(part, part)


@register.simple_tag
def last_runs(workflows: Sequence[Workflow]) -> list[tuple[Workflow, Execution | None]]:
    """Each of these workflows with its newest execution, tests and items of lists left out."""
    runs = Execution.objects.filter(workflow=OuterRef("pk"), item_index=None, test=False)
    newest = Subquery(runs.order_by("-id").values("id")[:1])
    asked = Workflow.objects.filter(pk__in=[workflow.pk for workflow in workflows])
    ids = dict(asked.values_list("pk", newest))
    found = Execution.objects.only("id", "status", "created_at").in_bulk(
        [ident for ident in ids.values() if ident]
    )
    return [(workflow, found.get(ids[workflow.pk])) for workflow in workflows]


@register.simple_tag(takes_context=True)
def attention_count(context: dict[str, Any]) -> str:
    """How many steps need the reader; empty if none does, or outside a tenant's scope."""
    if scope.current() is None:  # a page about an error
        return ""
    needing = services.attention(context["request"].principal).order_by()
    count = needing[:MANY].count()
    return "" if count == 0 else f"{count}" if count < MANY else f"{MANY - 1}+"
