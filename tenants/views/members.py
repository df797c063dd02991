"""Who belongs to a tenant, and who is asked to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tenants import services
from tenants.access import MemberRequest, needs
from tenants.confirming import confirmed, confirmed_to_send
from tenants.forms import InviteForm, RoleForm
from tenants.models import Invitation, Membership
from tenants.problems import Problem
from tenants.roles import Permission, Role


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.VIEW)
@confirmed_to_send
def listed(request: MemberRequest) -> HttpResponse:
    """The members; for owners also the open invitations and a form for another."""
    tenant_id = request.principal.tenant_id
    context: dict[str, Any] = {"members": services.members_of(tenant_id)}
    if request.method == "POST":
        return invite(request)
    if request.principal.may(Permission.ADMINISTER):
        context["form"] = InviteForm(initial={"role": Role.VIEWER})
        context["invitations"] = services.invitations_of(tenant_id)
    return render(request, "tenants/members/list.html", context)


@needs(Permission.ADMINISTER)
def invite(request: MemberRequest) -> HttpResponse:
    """Ask somebody to join."""
    form = InviteForm(request.POST)
    if form.is_valid():
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        try:
            services.invite(by=request.principal, email=email, role=role)
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            messages.success(request, f"A mail to {email} is on its way.")
            return redirect("members", request.principal.tenant_slug)
    context = {
        "members": services.members_of(request.principal.tenant_id),
        "invitations": services.invitations_of(request.principal.tenant_id),
        "form": form,
    }
    return render(request, "tenants/members/list.html", context, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.ADMINISTER)
@confirmed
def member(request: MemberRequest, member_id: UUID) -> HttpResponse:
    """Change a member's role."""
    found = _member(request, member_id)
    form = RoleForm(request.POST or None, initial={"role": found.role})
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        try:
            services.change_role(member=found, role=role, by=request.principal.permissions)
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            messages.success(request, f"{found.user} is now {role}.")
            return redirect("members", request.principal.tenant_slug)
    status = 422 if form.errors else 200
    context = {"member": found, "form": form}
    return render(request, "tenants/members/member.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.ADMINISTER)
@confirmed
def remove(request: MemberRequest, member_id: UUID) -> HttpResponse:
    """Ask whether a member shall go, and let them go."""
    found = _member(request, member_id)
    return _end(request, found, by=request.principal.permissions, then="members")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.VIEW)
def leave(request: MemberRequest) -> HttpResponse:
    """Ask whether one wants to go, and go."""
    own = services.members_of(request.principal.tenant_id).get(user_id=request.principal.id)
    return _end(request, own, by=None, then="home")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Permission.ADMINISTER)
def revoke(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Ask whether to withdraw an invitation, and withdraw it."""
    rows = services.invitations_of(request.principal.tenant_id)
    found: Invitation | None = rows.filter(id=invitation_id).first()
    if found is None:
        raise Http404
    if request.method == "POST":
        services.revoke_invitation(invitation=found)
        messages.success(request, f"The invitation of {found.email} is withdrawn.")
        return redirect("members", request.principal.tenant_slug)
    return render(request, "tenants/members/revoke.html", {"invitation": found})


def _end(
    request: MemberRequest, found: Membership, *, by: frozenset[Permission] | None, then: str
) -> HttpResponse:
    slug = request.principal.tenant_slug
    context: dict[str, Any] = {"member": found, "own": by is None}
    if request.method == "POST":
        try:
            services.remove_member(member=found, by=by)
        except Problem as problem:
            context["problem"] = problem
        else:
            said = (
                f"You have left {slug}." if by is None else f"{found.user} is no longer a member."
            )
            messages.success(request, said)
            return redirect("home") if then == "home" else redirect(then, slug)
    page = "tenants/members/remove.html"
    return render(request, page, context, status=409 if "problem" in context else 200)


def _member(request: MemberRequest, member_id: UUID) -> Membership:
    found = services.members_of(request.principal.tenant_id).filter(id=member_id).first()
    if found is None:
        raise Http404
    return found
