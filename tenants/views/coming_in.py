"""Coming in: which of a person's tenants to show."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tenants import services
from tenants.access import MemberRequest, needs
from tenants.roles import Permission


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The tenants of whoever is logged in; straight on where there is only one."""
    memberships = services.memberships_of(request.user)
    if len(memberships) == 1:
        return redirect("workflows:list", memberships[0].tenant.slug)
    return render(request, "tenants/home.html", {"memberships": memberships})


@needs(Permission.VIEW)
def tenant(request: MemberRequest) -> HttpResponse:
    """A tenant's front door."""
    return redirect("workflows:list", request.principal.tenant_slug)
