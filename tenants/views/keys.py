"""A tenant's API keys, for its owners."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tenants import services
from tenants.access import MemberRequest, needs
from tenants.confirming import confirmed_to_send
from tenants.forms import KeyForm, blame
from tenants.models import ApiKey
from tenants.problems import Problem
from tenants.roles import Permission, Role


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.ADMINISTER)
@confirmed_to_send
def listed(request: MemberRequest) -> HttpResponse:
    """The keys, and a form for another, whose token is shown once."""
    form = KeyForm(request.POST or None, initial={"role": Role.VIEWER})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            issued = services.grant_key(
                by=request.principal,
                name=given["name"],
                role=Role(given["role"]),
                scopes=[Permission(each) for each in given["scopes"]] or None,
                expires_at=given["expires_at"],
            )
        except Problem as problem:
            blame(form, problem)
        else:
            return render(request, "tenants/keys/issued.html", {"issued": issued})
    keys = services.keys_of(request.principal.tenant_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "tenants/keys/list.html", {"keys": keys, "form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.ADMINISTER)
def revoke(request: MemberRequest, key_id: UUID) -> HttpResponse:
    """Ask whether a key shall open nothing more, and revoke it."""
    found: ApiKey | None = services.keys_of(request.principal.tenant_id).filter(id=key_id).first()
    if found is None:
        raise Http404
    if request.method == "POST":
        services.revoke_key(key=found, by=request.principal.permissions)
        messages.success(request, f"The key {found.name} is revoked.")
        return redirect("api-keys", request.principal.tenant_slug)
    return render(request, "tenants/keys/revoke.html", {"key": found})
