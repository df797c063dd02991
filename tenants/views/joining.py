"""How one comes to belong to a tenant: registering a new one, or accepting an invitation."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tenants import confirming, services
from tenants.forms import NewPassword, RegistrationForm
from tenants.models import Invitation, User
from tenants.problems import Problem

PAGES = "tenants/account"


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make a tenant and log its owner in; a mail asks to verify the address."""
    if request.user.is_authenticated:
        return redirect("home")
    if not settings.REGISTRATION_OPEN:
        return render(request, f"{PAGES}/registration_closed.html", status=403)
    form = RegistrationForm(request.POST or None)
    if form.is_valid():
        try:
            services.admit_registration(services.address_of(request))
            made = services.register(**form.cleaned_data)
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            return _log_in(request, made.user, reverse("tenant", args=[made.tenant.slug]))
    return render(request, f"{PAGES}/register.html", {"form": form}, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What a mailed invitation leads to: join as who is logged in, log in, or make an account."""
    found = services.find_invitation(token)
    if found is None:
        return render(request, f"{PAGES}/invitation_gone.html", status=404)
    if request.user.is_authenticated:
        return _join(request, found, token, request.user)
    known = User.objects.filter(email=found.email).exists()
    form = NewPassword(request.POST or None, whose=found.email)
    if not known and form.is_valid():
        try:
            user = services.accept_as_new(token=token, password=form.cleaned_data["password"])
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            return _log_in(request, user, reverse("tenant", args=[found.tenant.slug]))
    context = {"invitation": found, "form": form, "known": known}
    return render(request, f"{PAGES}/invitation.html", context, status=_status(form))


def _join(request: HttpRequest, found: Invitation, token: str, user: User) -> HttpResponse:
    context = {"invitation": found, "theirs": user.email == found.email}
    if request.method != "POST":
        return render(request, f"{PAGES}/invitation.html", context)
    try:
        services.accept(token=token, user=user)
    except Problem as problem:
        page = f"{PAGES}/invitation.html"
        return render(request, page, {**context, "problem": problem}, status=problem.status)
    messages.success(request, f"You are now a member of {found.tenant.name}.")
    return redirect("tenant", found.tenant.slug)


def _log_in(request: HttpRequest, user: User, then: str) -> HttpResponse:
    confirming.note_password(request, user)  # chosen with this very form
    response: HttpResponse = perform_login(
        request, user, redirect_url=then, signup=True, email=user.email
    )
    return response


def _status(form: NewPassword) -> int:
    return 422 if form.is_bound and form.errors else 200
