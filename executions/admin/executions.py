"""Executions as staff see them: what happened, step by step; and ended or run again by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from executions import events, presentation, services
from executions.admin.running import RunsByHand
from executions.forms import ReplayForm, ResumeForm
from executions.models import Execution, Worker
from executions.states import ExecutionStatus
from tenants import scope
from tenants.admin.base import ReadOnlyAdmin, ask, panel
from tenants.problems import Problem

EVENTS = 500  # shown on the page; the rest is left to the API
CHILDREN = 100
_LABELS = {
    ExecutionStatus.QUEUED: "info",
    ExecutionStatus.RUNNING: "info",
    ExecutionStatus.WAITING: "warning",
    ExecutionStatus.SUCCEEDED: "success",
    ExecutionStatus.FAILED: "danger",
    ExecutionStatus.TIMED_OUT: "danger",
}


class ItemsFilter(admin.SimpleListFilter):
    """Single items of for_each steps are left out unless they are asked or searched for."""

    title = "items"
    parameter_name = "items"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Items too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() or request.GET.get("q"):
            return queryset
        return queryset.filter(item_index=None)


class TestFilter(admin.SimpleListFilter):
    """Tests of drafts are left out unless they are asked or searched for."""

    title = "tests of drafts"
    parameter_name = "tests"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("only", "Only tests of drafts")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value():
            return queryset.filter(test=True)
        return queryset if request.GET.get("q") else queryset.filter(test=False)


@admin.register(Execution)
class ExecutionAdmin(RunsByHand, ReadOnlyAdmin):
    list_display = ["id", "workflow", "number", "state", "trigger_kind", "created_at", "took"]
    list_filter = ["status", "trigger_kind", ItemsFilter, TestFilter]
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
                    ("status", "trigger_kind", "test"),
                    ("created_at", "started_at", "finished_at"),
                    ("parent_link", "origin_link"),
                ]
            },
        ),
        ("Steps", {"classes": ["tab"], "fields": ["steps"]}),
        ("Children", {"classes": ["tab"], "fields": ["children"]}),
        ("Events", {"classes": ["tab"], "fields": ["history"]}),
        ("Trigger", {"classes": ["tab"], "fields": ["input"]}),
        ("Result", {"classes": ["tab"], "fields": ["result", "reason"]}),
    )
    compressed_fields = False
    shows_content = True
    readonly_fields = [
        "parent_link",
        "origin_link",
        "steps",
        "children",
        "history",
        "input",
        "result",
        "reason",
    ]
    actions_detail = ["cancel", "resume", "replay"]

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
    def number(self, execution: Execution) -> str:
        return str(execution.version.number or "draft")

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

    @display(description="parent")
    def parent_link(self, execution: Execution) -> str:
        if execution.parent_id is None:
            return ""
        step = f"{execution.parent_step} of {execution.parent_id}"
        return format_html('<a href="{}">{}</a>', _change(execution.parent_id), step)

    @display(description="origin")
    def origin_link(self, execution: Execution) -> str:
        if execution.origin_id is None:
            return ""
        return format_html('<a href="{}">{}</a>', _change(execution.origin_id), execution.origin_id)

    @display(description="")
    def children(self, execution: Execution) -> SafeString:
        rows = Execution.objects.filter(parent_id=execution.pk).order_by("id")
        found = rows.only("status", "parent_step", "item_index")[:CHILDREN]
        return panel("children", children=found, limit=CHILDREN)

    @display(description="trigger")
    def input(self, execution: Execution) -> SafeString:
        return _document(execution.trigger)

    @display(description="output")
    def result(self, execution: Execution) -> SafeString:
        return _document(execution.output)

    @display(description="error")
    def reason(self, execution: Execution) -> SafeString:
        return _document(execution.error)

    # --- Verbs -----------------------------------------------------------------------------------

    @action(description="Cancel", url_path="cancel", permissions=["operate"], icon="cancel")
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        execution = self.required(request, object_id)
        if request.method == "POST":
            return self._do(request, execution, "cancelled", services.stop)
        return ask(
            request,
            self.admin_site,
            title=f"Cancel {execution}?",
            text="What is open in it, and in what it waits for, is called off.",
            submit="Cancel the execution",
            back=_change(execution.pk),
        )

    @action(description="Resume", url_path="resume", permissions=["operate"], icon="resume")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        execution = self.required(request, object_id)
        with scope.tenant(execution.tenant_id):
            form = ResumeForm(request.POST or request.GET, execution)
        choice = form.choice()
        if request.method == "POST" and form.is_valid():
            repeat = frozenset(request.POST.getlist("repeat"))
            resume = partial(services.resume, repeat=repeat, **choice)
            return self._do(request, execution, "resumed", resume)
        return ask(
            request,
            self.admin_site,
            template="resume",
            title=f"Resume {execution}",
            text="A new execution begins; this one stays as it is.",
            submit="Resume",
            back=_change(execution.pk),
            choice=choice,
            **_preview(execution, choice),
        )

    @action(description="Replay", url_path="replay", permissions=["operate"], icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        execution = self.required(request, object_id)
        form = ReplayForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            replay = partial(services.replay, version=form.cleaned_data["version"])
            return self._do(request, execution, "replayed", replay)
        return ask(
            request,
            self.admin_site,
            template="replay",
            title=f"Replay {execution}?",
            text="Every step runs anew, with the same trigger: what it did is done again.",
            submit="Replay",
            back=_change(execution.pk),
            form=form,
        )

    def _do(
        self, request: HttpRequest, execution: Execution, done: str, act: Callable[..., Any]
    ) -> HttpResponse:
        """Do it in the tenant's own scope, and go on to what was made, or back."""
        try:
            with scope.tenant(execution.tenant_id):
                made = act(execution, by=request.user.get_username())
        except Problem as problem:
            steps = ", ".join(str(error["step"]) for error in problem.errors if "step" in error)
            why = f"{problem.detail} ({steps})" if steps else problem.detail
            self.message_user(request, why, messages.ERROR)
            return HttpResponseRedirect(_change(execution.pk))
        self.message_user(request, f"The execution is {done}.")
        return HttpResponseRedirect(_change(execution.pk if made is None else made.pk))


def _preview(execution: Execution, choice: dict[str, Any]) -> dict[str, Any]:
    try:
        with scope.tenant(execution.tenant_id):
            return {"preview": services.preview(execution, **choice)}
    except Problem as problem:
        return {"refusal": problem.detail}


def _change(ident: object) -> str:
    return reverse("admin:executions_execution_change", args=[ident])


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
