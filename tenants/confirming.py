"""Who does what matters has said lately that it is they: by a log-in, or once more.

A session that was left open, or stolen, sees and works, but hands out no access and changes no
secrets. How one says it is django-allauth's business, and so is when: each session has its list of
what was shown. That is the one clock, of our pages and of allauth's own (second factors), which ask
`tenants.adapters.AccountAdapter`. By itself allauth would not count the log-in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode

from tenants.models import User

# In the session: the page whose form came too late.
_LATE = "confirm_late"
_TOO_LATE = "Your form was not sent: you had confirmed too long ago that it is you. Send it again."

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def note_password(request: HttpRequest, user: User) -> None:
    """The user's password was given just now, at a door that django-allauth does not know."""
    record_authentication(request, user, method="password")


def is_recent(request: HttpRequest) -> bool:
    """Whether it was said lately, by what is good for saying it again: a password, code or passkey.

    A session that came by anything else (a mailed link, another site's word) has said nothing yet.
    """
    good_for: float = app_settings.REAUTHENTICATION_TIMEOUT  # seconds
    if not request.user.is_authenticated:
        return False
    shown = get_authentication_records(request, request.user)
    good = [by["at"] for by in shown if by["method"] in app_settings.REAUTHENTICATION_METHODS]
    return bool(good) and time.time() - max(good) < good_for


def confirmed(view: View) -> View:
    """Show a page only to who said lately that it is they. Others say it first, then get there."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_recent(request):
            return _ask(request)
        _tell_late(request)
        return view(request, *args, **kwargs)

    return cast("View", asked)


def confirmed_to_send(view: View) -> View:
    """As `confirmed`, of a page that everybody sees, with a form that not everybody may send.

    `request.confirm_url` is where one says that it is oneself; empty if that was done lately.
    """

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        recent = is_recent(request)
        if request.method == "POST" and not recent:
            return _ask(request)
        request.confirm_url = "" if recent else _address(request)  # type: ignore[attr-defined]  # Django's way to pass things on
        if recent:
            _tell_late(request)
        return view(request, *args, **kwargs)

    return cast("View", asked)


def _ask(request: HttpRequest) -> HttpResponseBase:
    address = _address(request)
    if not address:
        raise PermissionDenied
    if request.method == "POST":
        request.session[_LATE] = request.path
    return redirect(address)


def _tell_late(request: HttpRequest) -> None:
    if request.method == "GET" and request.session.get(_LATE) == request.path:
        del request.session[_LATE]
        messages.warning(request, _TOO_LATE)


def _address(request: HttpRequest) -> str:
    """Where one says it, and then comes back here; empty: there is no way that one could."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    query = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
    return f"{methods[0]['url']}?{query}" if methods else ""
