"""Running a draft by hand: a test."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from executions.models import Execution
from executions.run_form import AS_JSON, DraftAsking
from executions.views.asking import posted, to_page
from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows import services as workflow_services
from workflows.models import Workflow


@needs(Permission.EDIT)
def run_draft(request: MemberRequest, slug: str) -> HttpResponse:
    """Run the draft as it is now, with a form of its input schema or with JSON.

    With `?of=<execution>` the JSON that run was started with is there to be sent again.
    """
    workflow = workflow_services.find(slug=slug)
    given = _input_of(workflow, request.GET["of"]) if "of" in request.GET else None
    as_json = request.GET.get("as") == AS_JSON or given is not None
    asking = DraftAsking(workflow, posted(request), as_json=as_json, example=given)
    execution = asking.start(by=request.principal.label)
    if execution is not None:
        return to_page(request, execution)
    context = {"workflow": workflow, "asking": asking}
    return render(request, "executions/run_draft.html", context)


def _input_of(workflow: Workflow, ident: str) -> str:
    """What a run of the workflow was started with. Raises Http404."""
    try:
        runs = Execution.objects.filter(workflow=workflow, id=UUID(ident))
    except ValueError:
        raise Http404 from None
    for body in runs.values_list("trigger__body", flat=True):
        return json.dumps(body, indent=2, ensure_ascii=False)
    raise Http404
