"""The admin site: Unfold's, under the Content-Security-Policy that Unfold needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.sites import UnfoldAdminSite

from config import proof
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
        guarded: View = super().admin_view(_of_rows(view), cacheable)
        shown = _relaxed(guarded)
        shown.staff_only = True  # type: ignore[attr-defined] # the proof reads it (config/doors.py)
        return shown

    def get_urls(self) -> list[Any]:
        isolation = self.admin_view(self.isolation)
        isolation.opens_own_scope = True  # type: ignore[attr-defined] # its transaction takes seconds
        return [path("isolation/", isolation, name="isolation"), *super().get_urls()]

    def isolation(self, request: HttpRequest) -> HttpResponse:
        """The proof that tenants are kept apart; it is made when it is asked for."""
        context = {
            **self.each_context(request),
            "title": "Isolation of tenants",
            "proof": proof.prove_aside() if request.method == "POST" else None,
        }
        return TemplateResponse(request, "admin/stepwell/isolation.html", context)

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


def _of_rows(view: View) -> View:
    """The view of a model, for rows that there could be: Django's lists take any text for a key."""
    owner = getattr(view, "__self__", None)
    if not isinstance(owner, ModelAdmin):
        return view

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                owner.opts.pk.clean(key, None)
        except ValidationError as problem:
            raise SuspiciousOperation("A row is chosen that cannot be.") from problem
        return view(request, *args, **kwargs)

    return checked
