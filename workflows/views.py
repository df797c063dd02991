"""A tenant's workflows: the list, and what one of them is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tenants.access import MemberRequest, needs
from tenants.forms import blame
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import documents, pausing, picture, services
from workflows import subscriptions as subscribing
from workflows.forms import ChangeForm, SubscriptionForm
from workflows.models import Workflow

VERSIONS = 10
RUNS = 8
REACTIONS = 5


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's live workflows."""
    context = {"workflows": services.listed(), "may_run": request.principal.may(Permission.RUN)}
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
    """A published version: its graph and its definition as YAML."""
    workflow = services.find(slug=slug)
    found = services.find_version(workflow=workflow, number=number)
    context = {
        "workflow": workflow,
        "version": found,
        "picture": picture.plain(found.definition),
        "text": documents.dumps_yaml(found.definition),
    }
    return render(request, "workflows/version.html", context)


@needs(Permission.VIEW)
def subscriptions(request: MemberRequest, slug: str) -> HttpResponse:
    """Which other workflows' ends start this one, and what became of the latest."""
    workflow = services.find(slug=slug)
    may_edit = request.principal.may(Permission.EDIT)
    if request.method == "POST" and not may_edit:
        raise PermissionDenied
    form = SubscriptionForm(request.POST if request.method == "POST" else None, workflow)
    if form.is_bound and form.is_valid() and _subscribe(workflow, form):
        return redirect("workflows:subscriptions", request.principal.tenant_slug, slug)
    rows = workflow.subscriptions.select_related("source").defer("source__draft")
    context: dict[str, Any] = {
        "workflow": workflow,
        "form": form,
        "subscriptions": [(row, row.reactions.order_by("-execution")[:REACTIONS]) for row in rows],
        "may_edit": may_edit,
    }
    return render(request, "workflows/subscriptions.html", context)


def _subscribe(workflow: Workflow, form: SubscriptionForm) -> bool:
    """False: it was refused, and the form says why."""
    given = dict(form.cleaned_data)
    try:
        with transaction.atomic():
            subscribing.create(
                tenant_id=workflow.tenant_id,
                workflow=workflow.slug,
                source=given.pop("source") or None,
                values=given,
            )
    except Problem as problem:
        blame(form, problem)
        return False
    return True


@needs(Permission.EDIT)
def subscription(request: MemberRequest, slug: str, subscription_id: UUID) -> HttpResponse:
    """Switch a subscription on or off, or delete it."""
    workflow = services.find(slug=slug)
    found = subscribing.find(subscription_id=subscription_id)
    if found.workflow_id != workflow.id:
        raise Http404
    form = ChangeForm(request.POST)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                _change(found.id, form.cleaned_data["action"])
        except Problem as problem:
            messages.error(request, problem.detail)
    return redirect("workflows:subscriptions", request.principal.tenant_slug, slug)


def _change(subscription_id: UUID, action: str) -> None:
    if action == "delete":
        subscribing.delete(subscription=subscribing.find(subscription_id=subscription_id))
    else:
        values = {"enabled": action == "enable"}
        subscribing.change(subscription_id=subscription_id, values=values)


@needs(Permission.RUN)
def pause(request: MemberRequest, slug: str) -> HttpResponse:
    """Ask, then begin no more runs of it."""
    return _pausing(request, slug, pausing.pause)


@needs(Permission.RUN)
def resume(request: MemberRequest, slug: str) -> HttpResponse:
    """Ask, then begin runs of it again."""
    return _pausing(request, slug, pausing.resume)


def _pausing(request: MemberRequest, slug: str, act: Callable[..., None]) -> HttpResponse:
    workflow = services.find(slug=slug)
    if request.method == "POST":
        act(workflow=workflow)
        return redirect("workflows:detail", request.principal.tenant_slug, slug)
    return render(request, "workflows/pause.html", {"workflow": workflow})
