"""What follows when somebody's password or second factors have changed."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver
from django.http import HttpRequest

from tenants import services
from tenants.models import User


@receiver([password_changed, password_set, authenticator_added])
def end_other_sessions(request: HttpRequest, user: User, **_: Any) -> None:
    """Whoever is in by the old password, or by the password alone, is out."""
    services.end_sessions(user, but=request.session.session_key)


@receiver(password_reset)
def end_all_sessions(user: User, **_: Any) -> None:
    """As above; and the mail with the link was read, so the address is verified."""
    services.end_sessions(user)
    services.set_address(user, verified=True)
