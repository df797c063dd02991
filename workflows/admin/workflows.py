"""Workflows: edit the draft, see what is wrong with it, publish it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.forms import PaginationInlineFormSet

from tenants import scope
from tenants.admin.base import ScopedAdmin, ask, panel
from tenants.problems import Problem
from workflows import canonical, pausing, services
from workflows.admin.forms import WorkflowForm
from workflows.forms import PublishForm
from workflows.models import Workflow, WorkflowVersion


class Paged(PaginationInlineFormSet):
    """Unfold takes for a number what is none, such as a raised two."""

    def get_page_num(self) -> int:
        try:
            page: int = super().get_page_num()
        except ValueError:
            return 1
        return page


class VersionInline(TabularInline):
    """The published versions; each has a page of its own."""

    model = WorkflowVersion
    formset = Paged
    fields = ["number", "note", "published_by", "published_at"]
    readonly_fields = fields
    show_change_link = True
    tab = True
    per_page = 20
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.filter(number__isnull=False)  # not what was only tried
        return rows.select_related("published_by").defer("definition")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workflow)
class WorkflowAdmin(ScopedAdmin):
    """Nothing is deleted here: an archived workflow keeps its history."""

    form = WorkflowForm
    list_display = ["name", "slug", "version", "is_live", "updated_at"]
    list_filter = [("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["tenant"]
    inlines = [VersionInline]
    actions_detail = ["run", "publish", "pause", "resume", "archive"]
    add_fieldsets = ((None, {"fields": ["tenant", "name", "slug", "draft_text"]}),)
    fieldsets = (
        (None, {"fields": ["tenant", "name", "slug", "version", "paused_at"]}),
        ("Draft", {"classes": ["tab"], "fields": ["problems", "draft_text", "revision"]}),
        ("As JSON", {"classes": ["tab"], "fields": ["as_json"]}),
    )
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        return super().get_queryset(request).select_related("current").defer("current__definition")

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[type[TabularInline]]:
        return self.inlines if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = ["version", "paused_at", "problems", "as_json"]
        return [*shown, "tenant", "slug"] if obj else shown

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        archived = isinstance(obj, Workflow) and obj.archived_at is not None
        return not archived and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="current version")
    def version(self, workflow: Workflow) -> str:
        return f"version {workflow.current.number}" if workflow.current else "never published"

    @display(description="live", boolean=True)
    def is_live(self, workflow: Workflow) -> bool:
        return workflow.current_id is not None and workflow.archived_at is None

    @display(description="problems of the saved draft")
    def problems(self, workflow: Workflow) -> SafeString:
        return panel("problems", problems=_problems(workflow))

    @display(description="the saved draft as JSON")
    def as_json(self, workflow: Workflow) -> SafeString:
        document = canonical.arranged(workflow.draft)
        return panel("document", text=json.dumps(document, indent=2, ensure_ascii=False))

    def save_model(
        self, request: HttpRequest, obj: Workflow, form: forms.Form, change: bool
    ) -> None:
        given = form.cleaned_data
        with scope.tenant(obj.tenant_id):
            if change:
                services.rename(workflow=obj, name=obj.name)
                saved = services.save_draft(
                    workflow=obj,
                    definition=given["definition"],
                    expected_revision=given["revision"],
                )
            else:
                saved = services.create(
                    tenant_id=obj.tenant_id,
                    name=obj.name,
                    slug=obj.slug or None,
                    definition=given["definition"],
                )
        obj.pk, obj.slug, obj.draft = saved.pk, saved.slug, saved.draft
        self._tell_problems(request, obj)

    def _tell_problems(self, request: HttpRequest, workflow: Workflow) -> None:
        found = _problems(workflow)
        errors = len(services.errors(found))
        if found:
            text = f"Saved with {errors} errors and {len(found) - errors} warnings."
            level = messages.ERROR if errors else messages.WARNING
            self.message_user(request, text, level)

    @action(description="Publish", url_path="publish", permissions=["change"], icon="publish")
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workflow = self.required(request, object_id)
        form = PublishForm(request.POST or None, initial={"revision": workflow.draft_revision})
        if request.method == "POST" and form.is_valid():
            return self._publish(request, workflow, form.cleaned_data)
        current = workflow.current.number if workflow.current else None
        found = _problems(workflow)
        return ask(
            request,
            self.admin_site,
            template="publish",
            title=f"Publish {workflow.name}",
            text=f"Since version {current}:" if current else "This will be the first version.",
            submit="Publish",
            back=_change(workflow),
            form=form,
            problems=found,
            refused=bool(services.errors(found)),
            diff=services.diff(workflow=workflow, old=current, new="draft"),
        )

    def _publish(
        self, request: HttpRequest, workflow: Workflow, given: dict[str, Any]
    ) -> HttpResponse:
        try:
            with scope.tenant(workflow.tenant_id):
                version = services.publish(
                    workflow=workflow,
                    by=request.user,  # type: ignore[arg-type] # staff have signed in
                    note=given["note"],
                    expected_revision=given["revision"],
                )
        except Problem as problem:
            self.message_user(request, problem.detail, messages.ERROR)
            return HttpResponseRedirect(request.path)
        self.message_user(request, f"{workflow} is live as {version}.")
        return HttpResponseRedirect(_change(workflow))

    def has_run_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("executions.change_execution")

    @action(description="Run", url_path="run", permissions=["run"], icon="play_arrow")
    def run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Running is executions' business."""
        workflow = self.required(request, object_id)
        address = reverse("admin:executions_execution_run", args=[workflow.pk])
        return HttpResponseRedirect(address)

    @action(description="Pause", url_path="pause", permissions=["change"], icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = "It begins no runs until it is resumed; webhooks are stored. What runs goes on."
        return self._pausing(request, object_id, "Pause", text, pausing.pause)

    @action(description="Resume", url_path="resume", permissions=["change"], icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = "It begins runs again. Run or discard the stored webhooks at its endpoints."
        return self._pausing(request, object_id, "Resume", text, pausing.resume)

    def _pausing(
        self, request: HttpRequest, object_id: str, verb: str, text: str, act: Callable[..., None]
    ) -> HttpResponse:
        workflow = self.required(request, object_id)
        if request.method == "POST":
            with scope.tenant(workflow.tenant_id):
                act(workflow=workflow)
            return HttpResponseRedirect(_change(workflow))
        return ask(
            request,
            self.admin_site,
            title=f"{verb} {workflow.name}?",
            text=text,
            submit=verb,
            back=_change(workflow),
        )

    @action(description="Archive", url_path="archive", permissions=["change"], icon="archive")
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workflow = self.required(request, object_id)
        if request.method == "POST":
            with scope.tenant(workflow.tenant_id):
                services.archive(workflow=workflow)
            self.message_user(request, f"{workflow} is archived.")
            return HttpResponseRedirect(reverse("admin:workflows_workflow_changelist"))
        return ask(
            request,
            self.admin_site,
            title=f"Archive {workflow.name}?",
            text="It will start no more runs. Its versions and executions stay.",
            submit="Archive",
            back=_change(workflow),
        )


def _problems(workflow: Workflow) -> list[Any]:
    return services.problems(
        tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug
    )


def _change(workflow: Workflow) -> str:
    return reverse("admin:workflows_workflow_change", args=[workflow.pk])
