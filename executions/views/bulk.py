"""Verbs for all executions that the list's filters match: a preview, then the deed."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from executions import services
from executions.forms import BulkForm, FilterForm
from executions.models import Execution
from executions.services.bulk import Outcome
from executions.views.reading import chosen
from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows.models import Workflow

DONE = {"cancel": "Cancelled", "resume": "Resumed", "replay": "Replayed"}


@needs(Permission.RUN)
def bulk(request: MemberRequest) -> HttpResponse:
    """GET shows what would be done; POST does it with those that were shown."""
    slugs = Workflow.objects.order_by("slug").values_list("slug", flat=True).distinct()
    filters = FilterForm(request.GET, list(slugs))
    form = BulkForm(request.POST if request.method == "POST" else request.GET)
    listing = reverse("executions:list", args=[request.principal.tenant_slug])
    if not filters.is_valid() or not form.is_valid():
        messages.error(request, "This cannot be done in bulk: choose the executions here first.")
        return HttpResponseRedirect(listing)
    is_real = request.method == "POST"
    outcome = _perform(request, form.cleaned_data, filters.lookups(), dry_run=not is_real)
    same = urlencode(chosen(request))
    if is_real:
        messages.success(request, _told(form.cleaned_data["action"], outcome))
        shown, newest = form.cleaned_data["upto"], form.cleaned_data["newest"]
        if not shown or not newest or shown >= newest:
            return HttpResponseRedirect(f"{listing}?{same}")
        further = {**form.repeated(), "after": shown, "newest": newest}
        return HttpResponseRedirect(f"{request.path}?{same}&{urlencode(further)}")
    context = {
        "form": form,
        "action": form.cleaned_data["action"],
        "outcome": outcome,
        "newest": form.cleaned_data["newest"] or outcome.newest,
        "whys": Counter(one.why for one in outcome.refused).most_common(),
        "filters": [
            (field.label, field.value()) for field in filters.visible_fields() if field.value()
        ],
        "same": same,
        "listing": f"{listing}?{same}",
    }
    return render(request, "executions/bulk.html", context)


def _perform(
    request: MemberRequest, given: dict[str, Any], lookups: dict[str, Any], *, dry_run: bool
) -> Outcome:
    rows: QuerySet[Execution] = Execution.objects.filter(**lookups)
    if given["after"]:
        rows = rows.filter(id__gt=given["after"])
    for bound in ("upto", "newest"):
        if given[bound]:
            rows = rows.filter(id__lte=given[bound])
    return services.perform(
        given["action"],
        rows,
        by=request.principal.label,
        dry_run=dry_run,
        rate=given["rate"],
        version=given["version"] or None,
    )


def _told(action: str, outcome: Outcome) -> str:
    told = f"{DONE[action]}: {len(outcome.done)}."
    return f"{told} Refused: {len(outcome.refused)}." if outcome.refused else told
