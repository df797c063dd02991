"""Executions to look at: the list, one of them live, and those that need somebody."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from executions import events, offers, presentation
from executions.forms import FILTERS, FilterForm, PositionForm
from executions.models import Execution
from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows.models import Workflow

PAGE = 50
SHOWN_IN_A_LIST = ("status", "trigger_kind", "created_at", "started_at", "finished_at")


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's executions, newest first, page by page without counting them."""
    slugs = Workflow.objects.order_by("slug").values_list("slug", flat=True).distinct()
    form = FilterForm(request.GET, list(slugs))
    lookups = form.lookups() if form.is_valid() else {"item_index": None, "test": False}
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
        "filtered": set(lookups) != {"item_index", "test"} or lookups["test"],
        "parent": form.cleaned_data.get("parent"),
        "may_run": request.principal.may(Permission.RUN),
        "same": urlencode(chosen(request)),
    }
    return render(request, "executions/list.html", context)


def chosen(request: MemberRequest) -> dict[str, str]:
    """The filters in the address, as they are written there."""
    return {name: request.GET[name] for name in FILTERS if request.GET.get(name)}


@require_safe
@needs(Permission.VIEW)
def detail(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """One execution: its graph, its steps and its events, kept up to date over a socket."""
    form = PositionForm(request.GET)
    after = form.cleaned_data["after"] if form.is_valid() else 0
    # The events first: what is read later is at least as new, so the live part mends the rest.
    found = events.read(execution_id, after or 0)
    try:
        page = presentation.present(execution_id, request.principal)
    except Execution.DoesNotExist:
        raise Http404 from None
    context = {
        "page": page,
        "events": found,
        "last_seq": found[-1]["seq"] if found else 0,
        "more": len(found) == events.PAGE,
        "body": presentation.trigger_body(execution_id),
        "reactions": presentation.reactions(page),
        "tenant_slug": request.principal.tenant_slug,
    }
    return render(request, "executions/detail.html", context)


@require_safe
@needs(Permission.VIEW)
def attention(request: MemberRequest) -> HttpResponse:
    """What needs this person: calls whose answer is not known, approvals to be given."""
    found = offers.needs(request.principal, PAGE + 1)
    context = {"needs": found[:PAGE], "more": len(found) > PAGE}
    return render(request, "executions/attention.html", context)
