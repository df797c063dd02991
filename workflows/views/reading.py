"""A tenant's workflows: the list, and what one of them is."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows import canonical, documents, picture, services
from workflows.forms import SearchForm

PAGE = 50  # workflows
VERSIONS = 10
RUNS = 8


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's live workflows by their slugs, page by page; all, or those that match a text."""
    form = SearchForm(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    asked = given.get("q", request.GET.get("q", ""))
    rows = services.listed(matching=given.get("q", ""))
    if given.get("after"):
        rows = rows.filter(slug__gt=given["after"])
    found = list(rows[: PAGE + 1])
    further = request.GET.copy()
    further["after"] = found[PAGE - 1].slug if len(found) > PAGE else ""
    context = {
        "form": form,
        "workflows": found[:PAGE],
        "further": further.urlencode() if further["after"] else "",
        "same": urlencode({"q": asked}) if asked else "",
        "may_run": request.principal.may(Permission.RUN),
        "may_edit": request.principal.may(Permission.EDIT),
    }
    return render(request, "workflows/list.html", context)


@require_safe
@needs(Permission.VIEW)
def detail(request: MemberRequest, slug: str) -> HttpResponse:
    """A workflow: its graph, its versions, how it is reached, its latest runs."""
    workflow = services.find(slug=slug)
    shown = workflow.current.definition if workflow.current else workflow.draft
    changed = workflow.current is None or workflow.current.definition != workflow.draft
    found = services.problems(
        tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug
    )
    context = {
        "workflow": workflow,
        "picture": picture.plain(shown),
        "changed": changed,
        "problems": found if changed else [],
        "errors": services.errors(found),
        "versions": services.versions(workflow=workflow)[:VERSIONS],
        "endpoints": workflow.endpoints.all(),
        "schedules": workflow.schedules.all(),
        "subscriptions": workflow.subscriptions.select_related("source").defer("source__draft"),
        "public_url": settings.PUBLIC_URL,
        "executions": workflow.executions.filter(item_index=None, test=False).defer(
            "trigger", "output", "error"
        )[:RUNS],
        "sees_open_addresses": request.principal.may(Permission.RUN),
        "may_run": request.principal.may(Permission.RUN)
        and workflow.current is not None
        and workflow.paused_at is None,
        "may_pause": request.principal.may(Permission.RUN),
        "may_edit": request.principal.may(Permission.EDIT),
    }
    return render(request, "workflows/detail.html", context)


@require_safe
@needs(Permission.VIEW)
def version(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """A published version: its graph, its definition as YAML, what it changed."""
    workflow = services.find(slug=slug)
    found = services.find_version(workflow=workflow, number=number)
    context = {
        "workflow": workflow,
        "version": found,
        "picture": picture.plain(found.definition),
        "text": documents.dumps_yaml(canonical.arranged(found.definition)),
        "before": number - 1,
        "diff": services.diff(workflow=workflow, old=number - 1 or None, new=number),
        "is_draft": found.definition == workflow.draft,
        "may_edit": request.principal.may(Permission.EDIT),
    }
    return render(request, "workflows/version.html", context)
