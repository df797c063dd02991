"""Every way in and what guards it, read from the configuration: routes, sockets, tasks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from celery import Celery
from django.contrib.admin.sites import AdminSite
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from config.routing import sockets
from tenants.auth import HasPermission
from tenants.roles import Permission

API, ADMIN = "api/v1/", "admin/"
METHODS = ("get", "post", "put", "patch", "delete")
SAFE = "get"

PUBLIC: Mapping[str, str] = {
    "healthz": "says only that the process lives",
    "metrics": "is for this machine, or a token (tests/config/test_metrics.py)",
    "readyz": "says only whether Postgres and Redis answer",
    "login/": "is where people log in",
    "logout/": "ends the caller's own session, if any",
    "login/passkey/": "is where a passkey logs in by itself",
    "login/closed/": "says to whoever was logging in that the account is closed",
    "register/": "is how one becomes a tenant",
    "invitations/<str:token>/": "the address itself was mailed (tests/tenants/test_joining.py)",
    "account/verify/<str:key>/": "the address itself is signed and was mailed",
    "password/": "is for who cannot log in",
    "password/sent/": "says the same to everybody",
    "password/done/": "says the same to everybody",
    "password/<slug:uidb36>/<str:key>/": "the address itself was mailed",
    "admin/logout/": "ends the caller's own session, if any",
    "hooks/<str:token>/": "a signature says who calls (tests/webhooks)",
    "hooks/test/<str:token>/": "a signature says who calls (tests/webhooks)",
    "callbacks/<str:token>/": "the address itself is signed (tests/executions/test_callbacks.py)",
    "api/v1/register/": "is how one becomes a tenant",
    "api/schema/": "describes the API and holds nobody's data",
    "api/docs/": "describes the API and holds nobody's data",
}
"""The routes that need nobody to say who they are, each with the reason why that is right."""

_CONFIRMED = "one's own session, and to have logged in a moment ago"
BY_ALLAUTH: Mapping[str, str] = {
    "login/confirm/": "the first half of a log-in: it asks for the second factor",
    "account/app/": _CONFIRMED,
    "account/passkeys/": _CONFIRMED,
    "account/passkeys/<int:pk>/remove/": _CONFIRMED,
    "account/codes/new/": _CONFIRMED,
}
"""Routes that django-allauth guards in a way that no mark on the view tells."""


@dataclass(frozen=True)
class Door:
    """A way in. `guard` says in words what guards it; it is empty where nothing does."""

    kind: str  # route, socket, task
    name: str
    guard: str


@dataclass(frozen=True)
class Route:
    """`pattern` as the URL configuration spells it; `view` as it was registered."""

    pattern: str
    view: Any

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(re.findall(r"<(?:\w+:)?(\w+)>", self.pattern))

    def path(self, values: Mapping[str, object]) -> str:
        """The address with these parameters."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), self.pattern)

    def handles(self, method: str) -> bool:
        """Whether an API view does anything for the method; for others nobody can tell."""
        actions = getattr(self.view, "actions", None)
        names = actions if actions is not None else dir(getattr(self.view, "cls", None))
        return method.lower() in names or (method == "HEAD" and "get" in names)


def walk() -> list[Route]:
    """Every route there is, in the order in which they are tried."""
    return list(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, before: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = before + _spelled(entry)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern)
        else:
            yield Route(pattern, entry.callback)


def _spelled(entry: URLPattern | URLResolver) -> str:
    """Regular expressions in the form of paths: `^(?P<app>a|b)/$` is `<app>/`."""
    text = str(entry.pattern)
    if isinstance(entry.pattern, RegexPattern):
        text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text.removeprefix("^").removesuffix("$"))
    return text


def doors(celery: Celery) -> list[Door]:
    """Every route, socket and task of this process."""
    return [
        *(Door("route", f"/{route.pattern}", guard_of(route)) for route in walk()),
        *(
            Door("socket", f"/{getattr(entry, 'pattern', entry)}", _socket_guard(entry))
            for entry in sockets.routes
        ),
        *(
            Door("task", name, _task_guard(task))
            for name, task in sorted(celery.tasks.items())
            if not name.startswith("celery.")
        ),
    ]


def guard_of(route: Route) -> str:
    """What guards the route, as far as its declaration says; knocking at it is the proof."""
    pattern, view = route.pattern, route.view
    if pattern in PUBLIC:
        return f"public: {PUBLIC[pattern]}"
    if pattern in BY_ALLAUTH:
        return BY_ALLAUTH[pattern]
    if pattern.startswith(API):
        return _api_guard(route)
    if pattern.startswith(ADMIN):
        return _admin_guard(view)
    if "tenant_slug" in route.parameters:
        permission = getattr(view, "permission", None)
        return f"a member who may {permission}" if permission else ""
    # What Django's login_required leaves on a view.
    return "one's own session" if hasattr(view, "redirect_field_name") else ""


def _api_guard(route: Route) -> str:
    view = getattr(route.view, "cls", None)
    if HasPermission not in getattr(view, "permission_classes", ()):
        return ""
    needed: Mapping[str, Permission] = getattr(view, "permissions", {})
    actions: Mapping[str, str] | None = getattr(route.view, "actions", None)
    said = []
    for method in METHODS:
        if not route.handles(method):
            continue
        permission = needed.get(actions[method] if actions else method)
        if permission is None:
            said.append(f"{method} {Permission.VIEW if method == SAFE else 'nobody'}")
        else:
            said.append(f"{method} {permission}")
    return f"a key that may: {', '.join(said)}"


def _admin_guard(view: Any) -> str:
    # Ours marks what it guards; Django's own wrappers, which call it, name their admin.
    marks = ("staff_only", "admin_site", "model_admin")
    if any(hasattr(view, mark) for mark in marks):
        return "staff"
    return (
        "only leads to the log-in" if isinstance(getattr(view, "__self__", None), AdminSite) else ""
    )


def _socket_guard(entry: Any) -> str:
    consumer = getattr(getattr(entry, "callback", None), "consumer_class", None)
    permission = getattr(consumer, "permission", None)
    return f"a member who may {permission}, from a page of ours" if permission else ""


def _task_guard(task: Any) -> str:
    """A message says that there is work; whose, only Postgres says."""
    return "" if inspect.signature(task.run).parameters else "takes no arguments"
