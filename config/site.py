"""The admin site: Unfold's, under the Content-Security-Policy that Unfold needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from tenants.actions import Action
from tenants.services import audit

View = Callable[..., HttpResponse]

# Alpine compiles its attributes at run time, and the pages carry scripts and styles of their own.
# Nowhere else is this allowed.
_relaxed = cast(
    "Callable[[View], View]",
    csp_update({"script-src": [UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [UNSAFE_INLINE]}),
)


class Site(UnfoldAdminSite):
    """For staff only: Django asks `is_staff` and a session; API keys open nothing here."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded: View = super().admin_view(view, cacheable)
        return _relaxed(guarded)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = super().password_change(request, extra_context)
        if request.method == "POST" and answer.status_code == 302:
            audit.record_platform(Action.USER_PASSWORD_SET, request.user)  # type: ignore[arg-type] # staff
        return answer

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is one log-in, with its throttle and second factors; this only leads there."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
