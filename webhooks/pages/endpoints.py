"""Endpoints: the list, one with what came in there, and what is done with it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from executions.views.asking import posted
from tenants.access import MemberRequest, needs
from tenants.confirming import confirmed
from tenants.forms import blame
from tenants.problems import Problem
from tenants.roles import Permission
from webhooks import deliveries, services
from webhooks.forms import (
    FILTERS,
    EndpointForm,
    FilterForm,
    NewEndpointForm,
    RotationForm,
    given_secret,
)
from webhooks.models import Endpoint
from webhooks.services import IssuedSecret
from workflows import services as workflow_services

PAGE = 50


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's endpoints."""
    context = {
        "endpoints": [(each, _address(request, each)) for each in services.listed()],
        "may_edit": request.principal.may(Permission.EDIT),
    }
    return render(request, "webhooks/list.html", context)


@require_safe
@needs(Permission.VIEW)
def endpoint(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """An endpoint, and its deliveries page by page without counting them."""
    found = services.find(endpoint_id=endpoint_id)
    form = FilterForm(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    rows = list(deliveries.listed(found, given)[: PAGE + 1])
    older = request.GET.copy()
    older["before"] = str(rows[PAGE - 1].id) if len(rows) > PAGE else ""
    context = {
        "endpoint": found,
        "address": _address(request, found),
        "counts": deliveries.counts(found),
        "waiting": deliveries.waiting(found.workflow).count(),
        "form": form,
        "deliveries": rows[:PAGE],
        "older": older.urlencode() if older["before"] else "",
        "filtered": any(given.get(name) for name in FILTERS),
        "may_edit": request.principal.may(Permission.EDIT),
        "may_run": request.principal.may(Permission.RUN),
    }
    return render(request, "webhooks/endpoint.html", context)


@needs(Permission.EDIT)
@confirmed
def create(request: MemberRequest) -> HttpResponse:
    """Give a workflow an address; its secret is shown once."""
    workflows = workflow_services.listed().order_by("name").values_list("slug", "name")
    named = [(slug, f"{name} ({slug})") for slug, name in workflows]
    form = NewEndpointForm(posted(request), named, {"workflow": request.GET.get("workflow")})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        workflow = workflow_services.find(slug=given["workflow"])
        try:
            with transaction.atomic():
                issued = services.create(
                    workflow=workflow,
                    name=given["name"],
                    answer=given["answer"],
                    confirm=given["confirm"],
                    scheme=given["scheme"],
                    options=given["options"],
                    secret=given_secret(given),
                    allowed_ips=given["allowed_ips"],
                    rate=given["rate"],
                )
        except Problem as problem:
            blame(form, problem)
        else:
            return _show_once(request, issued)
    return render(request, "webhooks/new.html", {"form": form})


@needs(Permission.EDIT)
def change(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Rename it, switch it on or off, say who may send, how often, and what is answered."""
    found = services.find(endpoint_id=endpoint_id)
    form = EndpointForm(posted(request), found)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                services.change(endpoint=found, **form.cleaned_data)
        except Problem as problem:
            blame(form, problem)
        else:
            messages.success(request, "The endpoint is changed.")
            return redirect("webhooks:endpoint", request.principal.tenant_slug, found.id)
    return render(request, "webhooks/change.html", {"form": form, "endpoint": found})


@needs(Permission.EDIT)
@confirmed
def rotate(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Ask, then replace the secret and show it once."""
    found = services.find(endpoint_id=endpoint_id)
    form = RotationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        secret = form.cleaned_data["secret"] or None
        try:
            with transaction.atomic():
                issued = services.rotate(endpoint=found, secret=secret)
        except Problem as problem:
            blame(form, problem)
        else:
            return _show_once(request, issued)
    return render(request, "webhooks/rotate.html", {"form": form, "endpoint": found})


@needs(Permission.EDIT)
def delete(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Ask, then remove the address and the record of what came in there."""
    found = services.find(endpoint_id=endpoint_id)
    if request.method == "POST":
        services.delete(endpoint=found)
        messages.success(request, f"The endpoint {found.name} is deleted.")
        return redirect("webhooks:list", request.principal.tenant_slug)
    return render(request, "webhooks/delete.html", {"endpoint": found})


def _show_once(request: MemberRequest, issued: IssuedSecret) -> HttpResponse:
    context = {
        "endpoint": issued.endpoint,
        "secret": issued.secret,
        "address": services.url(issued.endpoint),
    }
    return render(request, "webhooks/issued.html", context)


def _address(request: MemberRequest, endpoint: Endpoint) -> str:
    """Empty where the caller may not know it."""
    return services.url(endpoint) if services.may_know(endpoint, request.principal) else ""
