"""A person's own account: their address, second factors and sessions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.core import ratelimit
from allauth.mfa.base.views import IndexView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from tenants import agents, services
from tenants.models import User

Act = Callable[..., HttpResponse]


def _button(act: Act) -> Act:
    """Only for who is logged in and pressed a button; others who come there see their account."""

    @wraps(act)
    def pressed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return act(request, *args, **kwargs) if request.method == "POST" else redirect("mfa_index")

    return login_required(pressed)


class AccountView(IndexView):
    """All of it on one page."""

    template_name = "tenants/account/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = _user(self.request)
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "is_verified": services.is_verified(user),
            "sessions": [
                (session, agents.device(session.user_agent))
                for session in services.sessions_of(user)
            ],
            "staff_must": user.is_staff and settings.STAFF_MFA_REQUIRED,
        }


@_button
def verify(request: HttpRequest) -> HttpResponse:
    """Send the mail again that verifies one's address."""
    user = _user(request)
    services.set_address(user, verified=False)
    if services.is_verified(user):
        return redirect("mfa_index")
    if ratelimit.consume(request, action="confirm_email", key=user.email):
        EmailAddress.objects.get(user=user, email=user.email).send_confirmation(request)
    messages.success(request, f"A mail to {user.email} is on its way.")
    return redirect("mfa_index")


@_button
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Log out one of one's own sessions."""
    if not services.end_session(_user(request), session_id):
        raise Http404
    messages.success(request, "The session has ended.")
    return redirect("mfa_index")


@_button
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Log out everywhere but here."""
    services.end_sessions(_user(request), but=request.session.session_key)
    messages.success(request, "All other sessions have ended.")
    return redirect("mfa_index")


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
