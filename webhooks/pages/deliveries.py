"""Deliveries: one with all that was kept of it, sent again, or run after a pause."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from executions.views.asking import find, posted, refusing, to_page
from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from webhooks import deliveries
from webhooks.deliveries import SHOWN
from webhooks.forms import ResendForm, WaitingForm
from webhooks.models import Delivery
from webhooks.refusals import UNVERIFIED
from workflows import services as workflow_services
from workflows.models import Workflow


@require_safe
@needs(Permission.VIEW)
def delivery(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """One request: its headers and body, what became of it, and how to repeat it."""
    found = deliveries.find(delivery_id=delivery_id)
    context = {
        "delivery": found,
        "endpoint": found.endpoint,
        "headers": found.headers.items(),
        "query": json.dumps(found.query, indent=2, ensure_ascii=False) if found.query else "",
        "body": deliveries.excerpt(found),
        "cut": found.size > SHOWN,
        "curl": "" if found.size > SHOWN else deliveries.as_curl(found, request.principal),
        "resends": found.resends.all(),
        "may_run": _may_resend(request, found),
    }
    return render(request, "webhooks/delivery.html", context)


@require_safe
@needs(Permission.VIEW)
def of_execution(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """On to the request that an execution came of; back, if that is forgotten."""
    execution = find(execution_id)
    found = deliveries.of_execution(execution_id=execution.id)
    if found is None:
        messages.info(request, "The request that it came of is forgotten.")
        return to_page(request, execution)
    return redirect("webhooks:delivery", request.principal.tenant_slug, found.id)


@needs(Permission.RUN)
def resend(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """Ask, then make a new run of the stored request."""
    found = deliveries.find(delivery_id=delivery_id)
    form = ResendForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusing(request):
            made = deliveries.resend(
                delivery=found,
                by=request.principal.label,
                may_vouch=request.principal.may(Permission.EDIT),
                unverified=form.cleaned_data["unverified"],
            )
            return to_page(request, made)
        return redirect("webhooks:delivery", request.principal.tenant_slug, found.id)
    context = {"delivery": found, "form": form, "is_unverified": found.reason in UNVERIFIED}
    return render(request, "webhooks/resend.html", context)


@needs(Permission.RUN)
def waiting(request: MemberRequest, slug: str) -> HttpResponse:
    """What a paused workflow stored: run it, or discard it."""
    workflow = workflow_services.find(slug=slug)
    form = WaitingForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusing(request):
            messages.success(request, _act(request, workflow, form.cleaned_data["action"]))
        return redirect("webhooks:waiting", request.principal.tenant_slug, slug)
    context = {"workflow": workflow, "waiting": deliveries.waiting(workflow).count()}
    return render(request, "webhooks/waiting.html", context)


def _act(request: MemberRequest, workflow: Workflow, action: str) -> str:
    """What was done, in a sentence."""
    if action == "discard":
        return f"Discarded: {deliveries.discard_waiting(workflow=workflow)}."
    return deliveries.run_waiting(workflow=workflow, by=request.principal.label).sentence


def _may_resend(request: MemberRequest, found: Delivery) -> bool:
    needed = Permission.EDIT if found.reason in UNVERIFIED else Permission.RUN
    return request.principal.may(needed) and found.is_whole
