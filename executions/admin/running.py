"""Starting a workflow by hand, as staff do it: the same form as on the tenant's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from executions.run_form import AS_JSON, RunAsking
from tenants import scope
from tenants.admin.base import ask
from workflows.models import Workflow


class RunsByHand(ModelAdmin):
    """An admin of executions under whose addresses a workflow is run by hand."""

    admin_site: AdminSite

    def get_urls(self) -> list[URLPattern]:
        run = self.admin_site.admin_view(self.run)
        own = path("run/<uuid:workflow_id>/", run, name="executions_execution_run")
        return [own, *super().get_urls()]

    def has_operate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("executions.change_execution")

    def run(self, request: HttpRequest, workflow_id: UUID) -> HttpResponse:
        """Ask for the input, then start the live version under the staff member's name."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        rows = Workflow.objects.select_related("current").filter(archived_at=None)
        workflow = rows.filter(id=workflow_id).first()
        if workflow is None:
            raise Http404
        data: Any = request.POST if request.method == "POST" else None
        asking = RunAsking(workflow, data, as_json=request.GET.get("as") == AS_JSON)
        with scope.tenant(workflow.tenant_id):
            execution = asking.start(by=request.user.get_username())
        if execution is not None:
            self.message_user(request, f"{workflow} is started.")
            change = reverse("admin:executions_execution_change", args=[execution.pk])
            return HttpResponseRedirect(change)
        return ask(
            request,
            self.admin_site,
            template="run",
            title=f"Run {workflow.name}",
            text=_told(workflow),
            submit="Start the run",
            back=reverse("admin:workflows_workflow_change", args=[workflow.pk]),
            asking=asking,
        )


def _told(workflow: Workflow) -> str:
    if workflow.current is None:
        return "It was never published, so there is nothing to run yet."
    return (
        f"Starts version {workflow.current.number}. Its steps see what is given here as "
        "trigger.body."
    )
