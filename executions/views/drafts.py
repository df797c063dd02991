"""Running a draft by hand: a test."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from executions.run_form import AS_JSON, DraftAsking
from executions.views.asking import posted, to_page
from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows import services as workflow_services


@needs(Permission.EDIT)
def run_draft(request: MemberRequest, slug: str) -> HttpResponse:
    """Run the draft as it is now, with a form of its input schema or with JSON."""
    workflow = workflow_services.find(slug=slug)
    as_json = request.GET.get("as") == AS_JSON
    asking = DraftAsking(workflow, posted(request), as_json=as_json)
    execution = asking.start(by=request.principal.label)
    if execution is not None:
        return to_page(request, execution)
    context = {"workflow": workflow, "asking": asking}
    return render(request, "executions/run_draft.html", context)
