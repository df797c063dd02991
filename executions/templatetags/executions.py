"""Template filters of executions."""

from __future__ import annotations

from django import template

from executions.models import Execution
from executions.timeline import span

register = template.Library()


@register.filter
def took(execution: Execution) -> str:
    """How long an execution ran; empty while it runs."""
    if execution.started_at is None or execution.finished_at is None:
        return ""
    return span((execution.finished_at - execution.started_at).total_seconds())
