"""When a workflow starts by the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from tenants import scope
from tenants.access import MemberRequest, needs
from tenants.forms import blame
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import schedules as clocks
from workflows import services
from workflows.forms import ScheduleForm, ScheduleVerbForm
from workflows.models import Schedule, Workflow

SLOTS = 20  # that are shown


@needs(Permission.VIEW)
def schedules(request: MemberRequest, slug: str) -> HttpResponse:
    """The workflow's schedules, and a form for one more."""
    _refuse_others(request)
    tenant_id = request.principal.tenant_id
    with scope.tenant(tenant_id):
        workflow = services.find(slug=slug)
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and not _previews(form):

        def make() -> Schedule:
            return clocks.create(tenant_id=tenant_id, workflow=slug, values=form.values)

        made = _done(form, make)
        if made is not None:
            messages.success(request, f"{made.name} is made.")
            return redirect("workflows:schedule", request.principal.tenant_slug, slug, made.id)
    with scope.tenant(tenant_id):
        context = {"schedules": workflow.schedules.all(), **_shown(request, workflow, form)}
        return render(request, "workflows/schedules.html", context)


@needs(Permission.VIEW)
def schedule(request: MemberRequest, slug: str, schedule_id: UUID) -> HttpResponse:
    """When a schedule fires, what became of its slots; change, pause, resume or delete it."""
    _refuse_others(request)
    tenant_id = request.principal.tenant_id
    with scope.tenant(tenant_id):
        found = clocks.find(schedule_id=schedule_id)
    if found.workflow.slug != slug:
        raise Http404
    verb = ScheduleVerbForm(request.POST)
    if request.method == "POST" and verb.is_valid():
        return _act(request, found, verb.cleaned_data["action"])
    form = ScheduleForm(request.POST or None, found)
    if request.method == "POST" and form.is_valid() and not _previews(form, found):

        def change() -> Schedule:
            return clocks.change(tenant_id=tenant_id, schedule_id=schedule_id, values=form.values)

        if _done(form, change) is not None:
            messages.success(request, "Saved.")
            return redirect(request.path)
    with scope.tenant(tenant_id):
        context = {
            "schedule": found,
            "slots": found.slots.order_by("-slot")[:SLOTS],
            "next": [] if found.paused else clocks.coming(found),
            **_shown(request, found.workflow, form),
        }
        return render(request, "workflows/schedule.html", context)


# Active schedules are counted over all tenants, which no tenant's scope can.
schedules.opens_own_scope = True  # type: ignore[attr-defined]
schedule.opens_own_scope = True  # type: ignore[attr-defined]


def _refuse_others(request: MemberRequest) -> None:
    if request.method == "POST" and not request.principal.may(Permission.EDIT):
        raise PermissionDenied


def _done(form: ScheduleForm, act: Callable[[], Schedule]) -> Schedule | None:
    """None: it was refused, and the form says why."""
    try:
        return act()
    except Problem as problem:
        blame(form, problem)
        return None


def _previews(form: ScheduleForm, found: Schedule | None = None) -> bool:
    """Whether somebody only asked when it would fire; the form then has it, or says why not."""
    if "preview" not in form.data:
        return False
    try:
        form.next = clocks.preview(values=form.values, schedule=found)
        form.words = clocks.check(form.values["cron"], form.values["zone"]).words
    except Problem as problem:
        blame(form, problem)
    return True


def _act(request: MemberRequest, found: Schedule, action: str) -> HttpResponse:
    slug, workflow = request.principal.tenant_slug, found.workflow.slug
    tenant_id = request.principal.tenant_id
    if action == "delete":
        with scope.tenant(tenant_id):
            clocks.delete(schedule=found)
        messages.success(request, f"{found.name} is deleted.")
        return redirect("workflows:schedules", slug, workflow)
    try:
        values = {"paused": action == "pause"}
        clocks.change(tenant_id=tenant_id, schedule_id=found.id, values=values)
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        messages.success(request, f"{found.name} is {action}d.")
    return redirect(request.path)


def _shown(request: MemberRequest, workflow: Workflow, form: ScheduleForm) -> dict[str, Any]:
    may_edit = request.principal.may(Permission.EDIT)
    return {"workflow": workflow, "form": form, "may_edit": may_edit}
