"""What was done in a tenant: its audit trail, as pages and as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from tenants import services
from tenants.access import MemberRequest, needs
from tenants.forms import AUDIT_FILTERS as FILTERS
from tenants.forms import AuditForm, ExportForm
from tenants.roles import Permission
from tenants.streams import as_file

PAGE = 50  # entries


@require_safe
@needs(Permission.ADMINISTER)
def audit(request: MemberRequest) -> HttpResponse:
    """What was done in the tenant, newest first, page by page."""
    form = AuditForm(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    rows = services.entries_of(request.principal.tenant_id, given)
    if given.get("below"):
        rows = rows.filter(seq__lt=given["below"])
    found = list(rows[: PAGE + 1])
    older = request.GET.copy()
    older["below"] = str(found[PAGE - 1].seq) if len(found) > PAGE else ""
    context = {
        "form": form,
        "entries": found[:PAGE],
        "older": older.urlencode() if older["below"] else "",
        "same": urlencode({name: request.GET[name] for name in FILTERS if request.GET.get(name)}),
    }
    return render(request, "tenants/audit.html", context)


@require_safe
@needs(Permission.ADMINISTER)
def audit_export(request: MemberRequest) -> HttpResponseBase:
    """The entries that the page's filters choose, as a file."""
    form = ExportForm(request.GET)
    if not form.is_valid():
        return HttpResponseBadRequest(render_to_string("400.html"))
    given, caller = form.cleaned_data, request.principal
    pieces = services.export(caller.tenant_id, given, given["format"])
    return as_file(request, pieces, given["format"], f"audit-{caller.tenant_slug}")


audit_export.opens_own_scope = True  # type: ignore[attr-defined] # it goes on after the view
