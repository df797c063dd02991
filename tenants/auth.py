"""REST framework's view of the principal that the middleware found."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from tenants.principals import Principal
from tenants.roles import Permission


def caller_of(request: Request) -> Principal:
    """Who asks: of a view that HasPermission guards."""
    caller: Principal = request.user  # type: ignore[assignment] # ours, not Django's
    return caller


class PrincipalAuthentication(BaseAuthentication):
    """Takes the principal of the API key that `TenantMiddleware` looked up."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        principal = getattr(request._request, "principal", None)  # noqa: SLF001 - DRF's own idiom
        return (principal, None) if principal is not None else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasPermission(BasePermission):
    """Default deny: reading needs VIEW, each other action the permission its view names.

    A view has `permissions: dict[str, Permission]` by action (viewsets) or lower-case method.
    """

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = request.user
        if not isinstance(principal, Principal):
            return False
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        name = getattr(view, "action", None) or method
        needed: Permission | None = getattr(view, "permissions", {}).get(name)
        if needed is None and request.method in SAFE_METHODS:
            needed = Permission.VIEW
        return needed is not None and principal.may(needed)
