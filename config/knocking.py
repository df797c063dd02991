"""The proof of isolation by trying: at every route, who must not get in knocks.

Nobody at all, and an owner of one tenant who knows the names and ids of another's rows. As a
control the rows' own owner does the same, which must work: else a refusal would prove nothing.
Everything runs in this process, in a transaction of the caller's that is never committed; each
request is undone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from config.bodies import Bodies, bodies
from config.callers import asking, by_key, by_session
from config.doors import ADMIN, API, METHODS, PUBLIC, Route, walk
from config.household import Household
from config.resources import Resource, named, resources
from tenants.attempts import Tried

_ANYTHING = {"uuid": "00000000-0000-0000-0000-000000000000", "int": "1"}
EVENTS = "api/v1/executions/<uuid:id>/events/"

# What must have happened to a row before its owner's own call can work.
BEFORE: Mapping[str, str] = {"api/v1/executions/<uuid:id>/resume/": "cancel/"}
STATE: Mapping[str, str] = {
    "api/v1/executions/<uuid:id>/steps/<slug:key>/resolve/": "a call whose answer is not known",
    "api/v1/executions/<uuid:id>/steps/<slug:key>/decide/": "an approval that waits",
}
"""Calls for which the row would have to be in a state that only a worker brings about: 409."""

OWN = "the owner"  # whose own calls are the control
STRANGER = "another tenant's owner"


@dataclass(frozen=True)
class Neighbours:
    """Two tenants; the one's owner knocks, at the other's rows."""

    ours: Household
    theirs: Household
    resources: Mapping[str, Resource] = field(default_factory=resources)

    @cached_property
    def bodies(self) -> Bodies:
        """By pattern and method; they name the other tenant's workflow."""
        return bodies(self.theirs.word)

    @cached_property
    def values(self) -> Mapping[Resource, object]:
        """What stands in an address for each resource of theirs."""
        known = self.resources.values()
        return {resource: resource.value(self.theirs.tenant.id) for resource in known}

    def path(self, route: Route, slug: str) -> str:
        """The address of what is theirs, below the tenant with this slug if it is a page."""
        found = {"tenant_slug": slug}
        for parameter, resource in named(route, self.resources):
            if resource is not None:
                found[parameter] = str(self.values[resource])
        return route.path(found)

    def unknown(self, route: Route) -> list[str]:
        """Parameters of which nothing says what they name."""
        every = named(route, self.resources)
        return [name for name, found in every if found is None and name != "tenant_slug"]

    def rows(self, route: Route) -> list[Any]:
        """Those of theirs that the route names, or of all kinds, as they are now."""
        found = self.named(route) or self.resources.values()
        return [resource.rows(self.theirs.tenant.id) for resource in found]

    def named(self, route: Route) -> list[Resource]:
        """What the parameters of the route name."""
        return [found for _, found in named(route, self.resources) if found is not None]


def nobody() -> list[Tried]:
    """Somebody without a session or a key, at every route that is not public."""
    ask = asking(Client(raise_request_exception=False))
    known = bodies("nobodys")
    tried = []
    for route in walk():
        if route.pattern in PUBLIC:
            continue
        methods = _methods(route) if route.pattern.startswith(API) else ["GET", "POST"]
        for method in methods:
            answer = ask(method, _nobodys(route), known.get(route.pattern, {}).get(method))
            tried.append(_judged(route, f"nobody: {method}", answer, _turned_away(answer)))
    return tried


def stranger(near: Neighbours) -> list[Tried]:
    """An owner, with a key and a session, asks for what another tenant has; and its owner does."""
    return [*_with_keys(near), *_with_sessions(near), *_in_the_admin(near)]


# --- Who asks ----------------------------------------------------------------------------------


def _with_keys(near: Neighbours) -> Iterator[Tried]:
    own, foreign = (asking(by_key(home)) for home in (near.theirs, near.ours))
    for route in walk():
        if not route.pattern.startswith(API) or route.pattern in PUBLIC:
            continue
        if unknown := near.unknown(route):
            yield Tried(f"/{route.pattern}", f"it is not known what {unknown} names", "", False)
            continue
        path = near.path(route, "")
        for method in _methods(route):
            body = near.bodies.get(route.pattern, {}).get(method)
            before = BEFORE.get(route.pattern)
            prior = f"{path.rsplit('/', 2)[0]}/{before}" if before else None
            answer = own(method, path, body, prior=prior)
            yield _judged(route, f"{OWN}: {method}", answer, _works(route, answer))
            yield _by_stranger(near, route, method, partial(foreign, method, path, body))


def _by_stranger(
    near: Neighbours, route: Route, method: str, ask: Callable[[], HttpResponseBase]
) -> Tried:
    before = near.rows(route)
    with transaction.atomic():
        answer = ask()
        changed = near.rows(route) != before
        transaction.set_rollback(True)
    what = f"{STRANGER}: {method}"
    if changed:
        return Tried(f"/{route.pattern}", what, "changed what is theirs", held=False)
    return _judged(route, what, answer, _kept_out(near, route, method, answer))


def _with_sessions(near: Neighbours) -> Iterator[Tried]:
    own, foreign = (asking(by_session(home)) for home in (near.theirs, near.ours))
    slug, elsewhere = near.theirs.tenant.slug, near.ours.tenant.slug
    for route in walk():
        if "tenant_slug" not in route.parameters:
            continue
        if unknown := near.unknown(route):
            yield Tried(f"/{route.pattern}", f"it is not known what {unknown} names", "", False)
            continue
        for method in ("GET", "POST"):
            answer = own(method, near.path(route, slug))
            there = answer.status_code < 500 and answer.status_code not in (401, 403, 404)
            yield _judged(route, f"{OWN}: {method}", answer, there)
            answer = foreign(method, near.path(route, slug))
            held = answer.status_code == 404
            yield _judged(route, f"{STRANGER}: {method}", answer, held)
            if len(route.parameters) > 1:
                answer = foreign(method, near.path(route, elsewhere))
                held = answer.status_code in (404, 405)
                what = f"{STRANGER}, their ids under its own tenant: {method}"
                yield _judged(route, what, answer, held)


def _in_the_admin(near: Neighbours) -> Iterator[Tried]:
    ask = asking(by_session(near.ours))
    for route in walk():
        if route.pattern.startswith(ADMIN) and route.pattern not in PUBLIC:
            for method in ("GET", "POST"):
                answer = ask(method, _nobodys(route))
                what = f"a member in the admin: {method}"
                yield _judged(route, what, answer, _turned_away(answer))


# --- Asking ------------------------------------------------------------------------------------


def _methods(route: Route) -> list[str]:
    """Those that a view of the API does something for."""
    return [method.upper() for method in METHODS if route.handles(method)]


def _nobodys(route: Route) -> str:
    """The route's address with what nobody has."""
    parts = []
    for part in route.pattern.split("/"):
        kind, _, name = part.strip("<>").rpartition(":")
        parts.append(_ANYTHING.get(kind, "a") if part.startswith("<") and name else part)
    return "/" + "/".join(parts)


# --- What came of it ---------------------------------------------------------------------------


def _turned_away(answer: HttpResponseBase) -> bool:
    """Off to log in, or refused, also for the method alone."""
    if answer.status_code == 302:
        gates = (reverse("account_login"), reverse("admin:login"))
        return urlsplit(answer["Location"]).path in gates
    return answer.status_code in (401, 403, 404, 405)


def _works(route: Route, answer: HttpResponseBase) -> bool:
    return 200 <= answer.status_code < 300 or (route.pattern in STATE and answer.status_code == 409)


def _kept_out(near: Neighbours, route: Route, method: str, answer: HttpResponseBase) -> bool:
    """Not found; or, where the address or the body names nothing of theirs, nothing of it told.

    A name is everybody's own: with PUT it makes a row of the caller's.
    """
    wanted = near.named(route)
    own_place = method == "PUT" and [one.column for one in wanted] == ["name"]
    if wanted and not own_place:
        return answer.status_code == 404
    body = near.bodies.get(route.pattern, {}).get(method)
    if not own_place and near.theirs.word in json.dumps(body):
        return answer.status_code in (404, 422)
    return answer.status_code < 500 and (own_place or near.theirs.word not in _text(answer))


def _text(answer: HttpResponseBase) -> str:
    streamed: Any = getattr(answer, "streaming_content", None)
    content: Any = b"".join(streamed) if streamed is not None else getattr(answer, "content", b"")
    return bytes(content).decode(errors="replace")


def _judged(route: Route, what: str, answer: HttpResponseBase, held: bool) -> Tried:
    return Tried(f"/{route.pattern}", what, answer.status_code, held)
