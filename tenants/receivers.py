"""What follows when people come, go, or change their passwords and second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.contrib.auth import signals
from django.http import HttpRequest

from tenants import actors, services
from tenants.actions import Action
from tenants.models import User
from tenants.services import audit


def listen() -> None:
    """From now on, in this process."""
    signals.user_logged_in.connect(_came)
    signals.user_logged_out.connect(_went)
    password_changed.connect(_password_changed)
    password_set.connect(_password_changed)
    password_reset.connect(_password_reset)
    authenticator_added.connect(_factor_added)
    authenticator_removed.connect(_factor_removed)


def _came(*, user: User, **_: Any) -> None:
    _tell(Action.STAFF_LOGGED_IN, user)


def _went(*, user: User | None, request: HttpRequest | None = None, **_: Any) -> None:
    _tell(Action.STAFF_LOGGED_OUT, user)


def _tell(action: Action, user: User | None) -> None:
    if user is None or not user.is_staff:
        return
    with actors.acting(actors.named("staff", user.pk, user.email)):
        audit.record_platform(action, user)


def _password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Whoever is in by the old password is out."""
    services.end_sessions(user, but=request.session.session_key)
    _tell_of(Action.USER_PASSWORD_CHANGED, user)


def _password_reset(*, user: User, **_: Any) -> None:
    """As above; and the mail with the link was read, so the address is verified."""
    services.end_sessions(user)
    services.set_address(user, verified=True)
    _tell_of(Action.USER_PASSWORD_RESET, user)


def _factor_added(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    """Whoever is in by the password alone is out."""
    services.end_sessions(user, but=request.session.session_key)
    _tell_of(Action.USER_FACTOR_ADDED, user, kind=authenticator.type)


def _factor_removed(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    _tell_of(Action.USER_FACTOR_REMOVED, user, kind=authenticator.type)


def _tell_of(action: Action, user: User, **after: str) -> None:
    """What a person did to the own account is in the deployment's chain: it has no tenant."""
    with actors.acting(actors.named("user", user.pk, user.email)):
        audit.record_platform(action, user, after=after or None)
