"""The HTTP door: gives a request its id, finds out whose it is, opens its scope around the view."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from rest_framework.permissions import SAFE_METHODS

from tenants import actors, limits, problems, scope, services, strangers
from tenants.access import client_of
from tenants.actors import REQUEST_ID, Actor, Door
from tenants.auth import HasPermission
from tenants.limits import NOT_COUNTED, Counted
from tenants.principals import Principal
from tenants.problems import Problem

API_PREFIX = "/api/v1/"
ADMIN_PREFIX = "/admin/"
BEARER = "bearer "
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Sets `request.id`: the X-Request-ID that came along, or a new one where none fits.

    It is in the answer, in every line of the log, and in the audit trail.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        ident = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        request.id = ident  # type: ignore[attr-defined]  # Django's way to pass things on
        token = REQUEST_ID.set(ident)
        try:
            response = self.get_response(request)
        finally:
            REQUEST_ID.reset(token)
        response["X-Request-ID"] = ident
        return response


class TenantMiddleware:
    """Sets `request.principal` and runs the view in the principal's tenant scope.

    A page is for the tenant in its URL, an API call for the tenant of its key, the admin for all
    tenants by the operator role. A view with `opens_own_scope` (it waits, and no transaction may
    stay open while it does) opens the scope itself. A page also gets `request.memberships`. What a
    principal is shown, nobody may cache.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.principal = None  # type: ignore[attr-defined]  # Django's way to pass things on
        request.counted = NOT_COUNTED  # type: ignore[attr-defined]
        with actors.acting(_somebody(request)):
            response = self.get_response(request)
        if request.principal is not None:  # type: ignore[attr-defined]
            services.note_used(request.principal)  # type: ignore[attr-defined]
        for name, value in request.counted.headers.items():  # type: ignore[attr-defined]
            response.headers.setdefault(name, value)
        # A session's pages show what is its owner's, such as the key of an authenticator app.
        if request.principal is not None or request.session.accessed:  # type: ignore[attr-defined]
            response["Cache-Control"] = "no-store"
        return response

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        if "tenant_slug" in kwargs:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            services.note_seen(request)
            memberships = services.memberships_of(request.user)
            request.memberships = memberships  # type: ignore[attr-defined]
            principal = services.member_at(memberships, kwargs.pop("tenant_slug"))
            if principal is None:
                raise Http404
        elif request.path.startswith(API_PREFIX):
            try:
                principal = _key_holder(request, view)
            except Problem as problem:
                return problems.respond(problem)
        elif request.path.startswith(ADMIN_PREFIX) and request.user.is_staff:
            return _for_staff(view, request, args, kwargs)
        else:
            return None
        request.principal = principal  # type: ignore[attr-defined]
        if principal is None:
            return _run(nullcontext(), view, request, args, kwargs)
        refusal = _count(request, principal)
        if refusal is not None:
            return refusal
        opened = nullcontext() if _opens_own_scope(view) else scope.tenant(principal.tenant_id)
        with actors.acting(actors.named(principal.kind, principal.id, principal.label)):
            return _run(opened, view, request, args, kwargs)


def _for_staff(
    view: Callable[..., HttpResponseBase],
    request: HttpRequest,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> HttpResponseBase:
    """The admin's page, for all tenants; a second factor comes first, where staff must have one."""
    user = request.user
    if settings.STAFF_MFA_REQUIRED and not services.has_second_factor(user):
        messages.warning(request, "Set up a second factor first: staff need one.")
        return redirect("mfa_index")
    services.note_seen(request)
    own = _opens_own_scope(view)
    with actors.acting(actors.named("staff", user.pk, user.get_username())):
        everything = nullcontext() if own else scope.operator("staff admin")
        return _run(everything, view, request, args, kwargs)


def _key_holder(request: HttpRequest, view: Any) -> Principal | None:
    """Raises Problem 429 for an address that came too often without a good key."""
    header = request.headers.get("Authorization", "")
    token = header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else ""
    guards = getattr(getattr(view, "cls", None), "permission_classes", ())
    if not token and HasPermission not in guards:
        return None  # it needs none
    return strangers.find_holder(token, client_of(request))


def _count(request: HttpRequest, caller: Principal) -> HttpResponse | None:
    """Count the call for its tenant's limits, before a scope is open: the answer if it is refused.

    Pages are not counted but for what a person changes.
    """
    write = request.method not in SAFE_METHODS
    if caller.kind == "user" and not write:
        return None
    if caller.kind == "user":
        counted = limits.count_click(caller.tenant_id, caller.id)
    else:
        counted = limits.count_call(caller.tenant_id, write=write)
    request.counted = counted  # type: ignore[attr-defined]
    return _refused(request, caller, counted)


def _refused(request: HttpRequest, caller: Principal, counted: Counted) -> HttpResponse | None:
    try:
        counted.check("Your" if caller.kind == "user" else "The tenant's")
    except Problem as problem:
        if caller.kind == "user":
            answer = render(request, "429.html", {"text": problem.detail}, status=problem.status)
            answer["Retry-After"] = problem.headers["Retry-After"]
            return answer
        return problems.respond(problem)
    return None


def _somebody(request: HttpRequest) -> Actor:
    """Whoever sent the request, before it is known who that is."""
    door: Door = "page"
    if request.path.startswith(API_PREFIX):
        door = "api"
    elif request.path.startswith(ADMIN_PREFIX):
        door = "admin"
    return Actor(
        kind="anonymous",
        id=None,
        label="",
        door=door,
        ip=client_of(request) or "",
        agent=request.headers.get("User-Agent", ""),
        request_id=getattr(request, "id", ""),
    )


def _opens_own_scope(view: Any) -> bool:
    return getattr(view, "opens_own_scope", False) or getattr(
        getattr(view, "cls", None), "opens_own_scope", False
    )


def _run(
    opened: AbstractContextManager[None],
    view: Callable[..., HttpResponseBase],
    request: HttpRequest,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> HttpResponseBase:
    with opened:
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponse) and hasattr(response, "render"):
            response.render()  # templates read the database, so within the scope
        return response
