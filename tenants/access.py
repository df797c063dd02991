"""What a page, or another address, knows of who asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from tenants.addresses import client_address
from tenants.models import User
from tenants.principals import Principal
from tenants.roles import Permission


class MemberRequest(HttpRequest):
    """For a tenant's page: `TenantMiddleware` found the member and opened the scope."""

    principal: Principal
    user: User


def client_of(request: HttpRequest) -> str | None:
    """The network address of whoever asks, as our proxy saw it if there is one; None: unknown."""
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return client_address(peer, forwarded, behind_proxy=settings.BEHIND_PROXY)


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def needs(permission: Permission) -> Callable[[View], View]:
    """Show a page only to members whose role has the permission; to others 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def allowed(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.principal.may(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        allowed.permission = permission  # type: ignore[attr-defined] # the proof reads it (config/doors.py)
        return cast("View", allowed)

    return decorate
