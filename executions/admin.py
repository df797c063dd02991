"""Executions as staff see them: what happened, step by step. Nothing is changed here."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from executions import events, presentation
from executions.models import Execution, Worker
from executions.states import ExecutionStatus
from tenants.admin.base import ReadOnlyAdmin, panel

EVENTS = 500  # shown on the page; the rest is left to the API
_LABELS = {
    ExecutionStatus.QUEUED: "info",
    ExecutionStatus.RUNNING: "info",
    ExecutionStatus.WAITING: "warning",
    ExecutionStatus.SUCCEEDED: "success",
    ExecutionStatus.FAILED: "danger",
    ExecutionStatus.TIMED_OUT: "danger",
}


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ["id", "workflow", "number", "state", "trigger_kind", "created_at", "took"]
    list_filter = ["status", "trigger_kind"]
    list_select_related = ["workflow", "version"]
    search_fields = ["workflow__slug"]
    search_help_text = "An execution's whole id, or the beginning of a workflow's slug."
    ordering = ["-id"]
    fieldsets = (
        (
            None,
            {
                "fields": [
                    ("tenant", "workflow", "version"),
                    ("status", "trigger_kind"),
                    ("created_at", "started_at", "finished_at"),
                ]
            },
        ),
        ("Steps", {"classes": ["tab"], "fields": ["steps"]}),
        ("Events", {"classes": ["tab"], "fields": ["history"]}),
        ("Trigger", {"classes": ["tab"], "fields": ["input"]}),
        ("Result", {"classes": ["tab"], "fields": ["result", "reason"]}),
    )
    compressed_fields = False
    readonly_fields = ["steps", "history", "input", "result", "reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        rows: QuerySet[Execution] = super().get_queryset(request)
        return rows.defer("trigger", "output", "error", "workflow__draft", "version__definition")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By keys that an index serves; `icontains` would read the whole table."""
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(id=UUID(search_term.strip())), False
        except ValueError:
            return queryset.filter(workflow__slug__startswith=search_term.strip()), False

    @display(description="version", ordering="version__number")
    def number(self, execution: Execution) -> int:
        return execution.version.number

    @display(description="status", ordering="status", label=_LABELS)
    def state(self, execution: Execution) -> tuple[str, str]:
        return execution.status, execution.get_status_display()

    @display(description="took")
    def took(self, execution: Execution) -> str:
        if execution.started_at is None or execution.finished_at is None:
            return ""
        return f"{(execution.finished_at - execution.started_at).total_seconds():.3f} s"

    @display(description="")
    def steps(self, execution: Execution) -> SafeString:
        return panel("steps", page=presentation.present(execution.id))

    @display(description="")
    def history(self, execution: Execution) -> SafeString:
        return panel("events", events=events.read(execution.id, limit=EVENTS), limit=EVENTS)

    @display(description="trigger")
    def input(self, execution: Execution) -> SafeString:
        return _document(execution.trigger)

    @display(description="output")
    def result(self, execution: Execution) -> SafeString:
        return _document(execution.output)

    @display(description="error")
    def reason(self, execution: Execution) -> SafeString:
        return _document(execution.error)


@admin.register(Worker)
class WorkerAdmin(ModelAdmin):
    """The worker processes that are alive, or were a short while ago."""

    list_display = ["name", "started_at", "seen_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _document(value: Any) -> SafeString:
    return panel("document", text=json.dumps(value, indent=2, ensure_ascii=False))
