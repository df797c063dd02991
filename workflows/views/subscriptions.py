"""Which ends of other workflows' runs start a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from tenants.access import MemberRequest, needs
from tenants.forms import blame
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import services
from workflows import subscriptions as subscribing
from workflows.forms import ChangeForm, SubscriptionForm
from workflows.models import Workflow

REACTIONS = 5


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
