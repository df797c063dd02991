"""Published versions: to be read and, if need be, to be copied to the draft."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from tenants import scope
from tenants.admin.base import ReadOnlyAdmin, ask, panel
from workflows import canonical, documents, services
from workflows.models import WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    list_display = ["workflow", "number", "note", "published_by", "published_at"]
    list_select_related = ["workflow", "published_by"]
    search_fields = ["workflow__slug"]
    ordering = ["-id"]
    fields = [
        "tenant",
        "workflow",
        "number",
        "note",
        "published_by",
        "published_at",
        "digest",
        "pins",
        "as_yaml",
    ]
    readonly_fields = ["as_yaml"]
    actions_detail = ["restore"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowVersion]:
        rows: QuerySet[WorkflowVersion] = super().get_queryset(request)
        rows = rows.filter(number__isnull=False)  # not what was only tried
        return rows.defer("definition", "workflow__draft")

    @display(description="definition")
    def as_yaml(self, version: WorkflowVersion) -> SafeString:
        return panel("document", text=documents.dumps_yaml(canonical.arranged(version.definition)))

    def has_restore_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("workflows.change_workflow")

    @action(
        description="Copy to the draft",
        url_path="restore",
        permissions=["restore"],
        icon="settings_backup_restore",
    )
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.required(request, object_id)
        if request.method == "POST":
            with scope.tenant(version.tenant_id):
                services.restore(workflow=version.workflow, number=version.number)
            self.message_user(request, f"The draft is {version}'s definition again.")
            change = reverse("admin:workflows_workflow_change", args=[version.workflow_id])
            return HttpResponseRedirect(change)
        return ask(
            request,
            self.admin_site,
            title=f"Copy {version} to the draft of {version.workflow.name}?",
            text="The draft that is there now is replaced. Nothing is published by this.",
            submit="Copy",
            back=reverse("admin:workflows_workflowversion_change", args=[version.pk]),
        )
