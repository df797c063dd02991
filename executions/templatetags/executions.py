"""Template filters and tags of executions."""

from __future__ import annotations

from typing import Any

from django import template

from executions import services
from executions.models import Execution
from executions.timeline import span
from tenants import scope

MANY = 100

register = template.Library()


@register.filter
def took(execution: Execution) -> str:
    """How long an execution ran; empty while it runs."""
    if execution.started_at is None or execution.finished_at is None:
        return ""
    return span((execution.finished_at - execution.started_at).total_seconds())


@register.simple_tag(takes_context=True)
def attention_count(context: dict[str, Any]) -> str:
    """How many steps need the reader; empty if none does, or outside a tenant's scope."""
    if scope.current() is None:  # a page about an error
        return ""
    needing = services.attention(context["request"].principal).order_by()
    count = needing[:MANY].count()
    return "" if count == 0 else f"{count}" if count < MANY else f"{MANY - 1}+"
