"""Django tells here of what happens in its own views: who of the staff comes and goes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import signals
from django.http import HttpRequest

from tenants import actors
from tenants.actions import Action
from tenants.models import User
from tenants.services import audit


def listen() -> None:
    """From now on, in this process."""
    signals.user_logged_in.connect(_came)
    signals.user_logged_out.connect(_went)


def _came(*, user: User, request: HttpRequest | None = None, **_: Any) -> None:
    _tell(Action.STAFF_LOGGED_IN, user)


def _went(*, user: User | None, request: HttpRequest | None = None, **_: Any) -> None:
    _tell(Action.STAFF_LOGGED_OUT, user)


def _tell(action: Action, user: User | None) -> None:
    if user is None or not user.is_staff:
        return
    with actors.acting(actors.named("staff", user.pk, user.email)):
        audit.record_platform(action, user)
