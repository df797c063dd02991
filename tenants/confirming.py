"""Who does what matters has said lately that it is they: by a log-in, or once more.

A session that was left open, or stolen, sees and works, but hands out no access and changes no
secrets. How one says it is django-allauth's business; what one had in mind is come back to. When it
was said is kept here: django-allauth counts what was said after the log-in only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode

# In the session: when it was said last, by time.time(), and the page whose form came too late.
CONFIRMED_AT = "confirmed_at"
_LATE = "confirm_late"
_TOO_LATE = "Your form was not sent: you had confirmed too long ago that it is you. Send it again."

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def note(request: HttpRequest) -> None:
    """It was said just now."""
    request.session[CONFIRMED_AT] = time.time()


def confirmed(view: View) -> View:
    """Show a page only to who said lately that it is they. Others say it first, then get there."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not _is_recent(request):
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
        recent = _is_recent(request)
        if request.method == "POST" and not recent:
            return _ask(request)
        request.confirm_url = "" if recent else _address(request)  # type: ignore[attr-defined]  # Django's way to pass things on
        if recent:
            _tell_late(request)
        return view(request, *args, **kwargs)

    return cast("View", asked)


def _is_recent(request: HttpRequest) -> bool:
    good_for: float = app_settings.REAUTHENTICATION_TIMEOUT  # seconds
    said_at: float = request.session.get(CONFIRMED_AT, 0.0)
    return time.time() - said_at < good_for


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
