"""Starting runs by hand, ending them, running them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render

from executions import services
from executions.forms import ReplayForm, ResumeForm
from executions.models import Execution
from executions.run_form import AS_JSON, RunAsking
from executions.views.asking import find, posted, refusing, to_page
from tenants.access import MemberRequest, needs
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import services as workflow_services


@needs(Permission.RUN)
def run(request: MemberRequest, slug: str) -> HttpResponse:
    """Start a workflow by hand, with a form of its input schema or with JSON."""
    workflow = workflow_services.find(slug=slug)
    as_json = request.GET.get("as") == AS_JSON
    asking = RunAsking(workflow, posted(request), as_json=as_json)
    execution = asking.start(by=request.principal.label)
    if execution is not None:
        return to_page(request, execution)
    return render(request, "executions/run.html", {"workflow": workflow, "asking": asking})


@needs(Permission.RUN)
def cancel(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """Ask, then cancel."""
    execution = find(execution_id)
    if request.method == "POST":
        with refusing(request):
            services.stop(execution, by=request.principal.label)
            messages.success(request, "The execution is cancelled.")
        return to_page(request, execution)
    return render(request, "executions/cancel.html", {"execution": execution})


@needs(Permission.RUN)
def replay(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """Choose the version, then start anew with the same trigger."""
    execution = find(execution_id)
    form = ReplayForm(posted(request))
    if request.method == "POST" and form.is_valid():
        made = execution
        with refusing(request):
            version = form.cleaned_data["version"]
            made = services.replay(execution, by=request.principal.label, version=version)
        return to_page(request, made)
    return render(request, "executions/replay.html", {"execution": execution, "form": form})


@needs(Permission.RUN)
def resume(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """Show what would be reused and what would run, then resume."""
    execution = find(execution_id)
    given = request.POST if request.method == "POST" else request.GET
    form = ResumeForm(given, execution)
    choice = form.choice()
    if request.method == "POST" and form.is_valid():
        made = execution
        with refusing(request):
            repeat = frozenset(request.POST.getlist("repeat"))
            by = request.principal.label
            made = services.resume(execution, by=by, repeat=repeat, **choice)
        return to_page(request, made)
    context = {"execution": execution, "form": form, "choice": choice}
    return render(request, "executions/resume.html", {**context, **_preview(execution, choice)})


def _preview(execution: Execution, choice: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"preview": services.preview(execution, **choice)}
    except Problem as problem:
        return {"refusal": problem.detail}
