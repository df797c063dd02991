"""Executions: the list, one of them live, and starting one by hand."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from executions import events, presentation
from executions.forms import FilterForm, PositionForm, RunForm
from executions.models import Execution
from executions.services.starting import start
from tenants.access import MemberRequest, needs
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import services as workflow_services
from workflows.models import Workflow

PAGE = 50
SHOWN_IN_A_LIST = ("status", "trigger_kind", "created_at", "started_at", "finished_at")


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's executions, newest first, page by page without counting them."""
    slugs = Workflow.objects.order_by("slug").values_list("slug", flat=True).distinct()
    form = FilterForm(request.GET, list(slugs))
    lookups = form.lookups() if form.is_valid() else {}
    rows = (
        Execution.objects.filter(**lookups)
        .select_related("workflow")
        .only(*SHOWN_IN_A_LIST, "workflow__slug", "workflow__name")
    )
    found = list(rows[: PAGE + 1])
    older = request.GET.copy()
    older["before"] = str(found[PAGE - 1].id) if len(found) > PAGE else ""
    context = {
        "form": form,
        "executions": found[:PAGE],
        "older": older.urlencode() if older["before"] else "",
        "filtered": bool(lookups),
    }
    return render(request, "executions/list.html", context)


@require_safe
@needs(Permission.VIEW)
def detail(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """One execution: its graph, its steps and its events, kept up to date over a socket."""
    form = PositionForm(request.GET)
    after = form.cleaned_data["after"] if form.is_valid() else 0
    # The events first: what is read later is at least as new, so the live part mends the rest.
    found = events.read(execution_id, after or 0)
    try:
        page = presentation.present(execution_id)
    except Execution.DoesNotExist:
        raise Http404 from None
    context = {
        "page": page,
        "events": found,
        "last_seq": found[-1]["seq"] if found else 0,
        "more": len(found) == events.PAGE,
        "body": presentation.trigger_body(execution_id),
        "tenant_slug": request.principal.tenant_slug,
    }
    return render(request, "executions/detail.html", context)


@needs(Permission.RUN)
def run(request: MemberRequest, slug: str) -> HttpResponse:
    """Start a workflow by hand with a body that is typed in."""
    workflow = workflow_services.find(slug=slug)
    form = RunForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            execution = start(
                workflow=workflow,
                kind="manual",
                body=form.cleaned_data["body"],
                by=request.principal.label,
            )
        except Problem as problem:
            form.add_error("body", _sentences(problem))
        else:
            return redirect("executions:detail", request.principal.tenant_slug, execution.id)
    schema = workflow.current.definition.get("input") if workflow.current else None
    context = {
        "workflow": workflow,
        "form": form,
        "input_schema": json.dumps(schema, indent=2) if schema else "",
    }
    return render(request, "executions/run.html", context)


def _sentences(problem: Problem) -> list[str]:
    return [problem.detail, *(_sentence(error) for error in problem.errors)]


def _sentence(error: dict[str, object]) -> str:
    return f"{error.get('field') or 'body'}: {error.get('message')}"
