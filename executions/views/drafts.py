"""Running a draft by hand: a test."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.shortcuts import redirect, render

from executions import services
from executions.forms import RunForm
from executions.views.asking import posted, sentences
from tenants.access import MemberRequest, needs
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import services as workflow_services


@needs(Permission.EDIT)
def run_draft(request: MemberRequest, slug: str) -> HttpResponse:
    """Run the draft as it is now with a body that is typed in."""
    workflow = workflow_services.find(slug=slug)
    form = RunForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            execution = services.run_draft(
                workflow=workflow,
                kind="manual",
                body=form.cleaned_data["body"],
                message=f"A test of the draft by {request.principal.label}.",
            )
        except Problem as problem:
            form.add_error("body", sentences(problem))
        else:
            return redirect("executions:detail", request.principal.tenant_slug, execution.id)
    schema = workflow.draft.get("input")
    context = {
        "workflow": workflow,
        "form": form,
        "input_schema": json.dumps(schema, indent=2) if schema else "",
    }
    return render(request, "executions/run_draft.html", context)
