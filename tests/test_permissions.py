"""Every route, each verb, by everybody: the table below says what must come of it.

The table is written by hand and read from nothing: a view that asks for another permission than it
says, or for none, fails here, and so does a route that is not in it. tests/test_routes.py tries
the wrong doors, tests/test_routes_tenants.py other tenants' ids; here is who may do what at their
own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client

from tenants.roles import Permission, Role
from tests import factories, routes
from tests.routes import METHODS
from tests.site import API, TENANTS_PAGES, Site, ask, key_of, make_site, session

# Who has what, in the fewest letters: v(iew), d(ecide), r(un), e(dit), s(ecrets), a(dminister).
HELD: Mapping[Role, str] = {
    Role.OWNER: "vdresa",
    Role.EDITOR: "vdres",
    Role.OPERATOR: "vdr",
    Role.VIEWER: "vd",
}
LETTERS = {
    "v": "view",
    "d": "decide",
    "r": "run",
    "e": "edit",
    "s": "secrets",
    "a": "administer",
}

WORKFLOW, EXECUTION = "workflows/<slug:slug>/", "executions/<uuid:id>/"
# Of the API: by route and verb the permission. HEAD is GET's.
KEYS: Mapping[str, Mapping[str, str]] = {
    "workflows/": {"GET": "v", "POST": "e"},
    "workflows/validate/": {"POST": "v"},
    WORKFLOW: {"GET": "v", "PATCH": "e", "DELETE": "e"},
    f"{WORKFLOW}draft/": {"GET": "v", "PUT": "e"},
    f"{WORKFLOW}draft/listen/": {"GET": "e", "POST": "e"},
    f"{WORKFLOW}draft/listen/extend/": {"POST": "e"},
    f"{WORKFLOW}draft/listen/stop/": {"POST": "e"},
    f"{WORKFLOW}draft/run/": {"POST": "e"},
    f"{WORKFLOW}publish/": {"POST": "e"},
    f"{WORKFLOW}pause/": {"POST": "r"},
    f"{WORKFLOW}resume/": {"POST": "r"},
    f"{WORKFLOW}deliveries/run/": {"POST": "r"},
    f"{WORKFLOW}deliveries/discard/": {"POST": "r"},
    f"{WORKFLOW}run/": {"POST": "r"},
    f"{WORKFLOW}versions/": {"GET": "v"},
    f"{WORKFLOW}versions/diff/": {"GET": "v"},
    f"{WORKFLOW}versions/<int:number>/": {"GET": "v"},
    f"{WORKFLOW}versions/<int:number>/restore/": {"POST": "e"},
    "executions/": {"GET": "v"},
    "executions/bulk/": {"POST": "r"},
    EXECUTION: {"GET": "v"},
    f"{EXECUTION}children/": {"GET": "v"},
    f"{EXECUTION}events/": {"GET": "v"},
    f"{EXECUTION}cancel/": {"POST": "r"},
    f"{EXECUTION}resume/": {"POST": "r"},
    f"{EXECUTION}replay/": {"POST": "r"},
    f"{EXECUTION}steps/<slug:key>/resolve/": {"POST": "r"},
    f"{EXECUTION}steps/<slug:key>/decide/": {"POST": "d"},
    "endpoints/": {"GET": "v", "POST": "e"},
    "endpoints/<uuid:id>/": {"GET": "v", "PATCH": "e", "DELETE": "e"},
    "endpoints/<uuid:id>/rotate/": {"POST": "e"},
    "endpoints/<uuid:id>/deliveries/": {"GET": "v"},
    "endpoints/<uuid:id>/deliveries/counts/": {"GET": "v"},
    "deliveries/<uuid:id>/": {"GET": "v"},
    "deliveries/<uuid:id>/resend/": {"POST": "r"},
    "schedules/": {"GET": "v", "POST": "e"},
    "schedules/preview/": {"POST": "v"},
    "schedules/<uuid:id>/": {"GET": "v", "PATCH": "e", "DELETE": "e"},
    "schedules/<uuid:id>/pause/": {"POST": "e"},
    "schedules/<uuid:id>/resume/": {"POST": "e"},
    "subscriptions/": {"GET": "v", "POST": "e"},
    "subscriptions/<uuid:id>/": {"GET": "v", "PATCH": "e", "DELETE": "e"},
    "egress/": {"GET": "v", "PUT": "a"},
    "secrets/": {"GET": "v", "POST": "s"},
    "secrets/<slug:name>/": {"GET": "v", "PUT": "s", "PATCH": "s", "DELETE": "s"},
    "variables/": {"GET": "v", "POST": "s"},
    "variables/<slug:name>/": {"GET": "v", "PUT": "s", "DELETE": "s"},
    "members/": {"GET": "v"},
    "members/<uuid:id>/": {"GET": "v", "PATCH": "a", "DELETE": "a"},
    "invitations/": {"GET": "a", "POST": "a"},
    "invitations/<uuid:id>/": {"GET": "a", "DELETE": "a"},
    "api-keys/": {"GET": "a", "POST": "a"},
    "api-keys/<uuid:id>/": {"GET": "a", "PATCH": "a", "DELETE": "a"},
    "audit/": {"GET": "a"},
    "audit/export/": {"GET": "a"},
    "usage/": {"GET": "v"},
}

# Of a tenant's pages: the permissions to look and to send the form; "" where there is none to send.
PAGE: Mapping[str, tuple[str, str]] = {
    "": ("v", ""),
    "workflows/": ("v", ""),
    WORKFLOW: ("v", ""),
    f"{WORKFLOW}versions/<int:number>/": ("v", ""),
    f"{WORKFLOW}versions/<int:number>/restore/": ("e", "e"),
    "new-workflow/": ("e", "e"),
    f"{WORKFLOW}draft/": ("e", "e"),
    f"{WORKFLOW}publish/": ("e", "e"),
    f"{WORKFLOW}archive/": ("e", "e"),
    f"{WORKFLOW}run/": ("r", "r"),
    f"{WORKFLOW}schedules/": ("v", "e"),
    f"{WORKFLOW}schedules/<uuid:schedule_id>/": ("v", "e"),
    f"{WORKFLOW}subscriptions/": ("v", "e"),
    f"{WORKFLOW}subscriptions/<uuid:subscription_id>/": ("e", "e"),
    f"{WORKFLOW}pause/": ("r", "r"),
    f"{WORKFLOW}resume/": ("r", "r"),
    f"{WORKFLOW}deliveries/": ("r", "r"),
    "endpoints/": ("v", ""),
    "endpoints/new/": ("e", "e"),
    "endpoints/<uuid:endpoint_id>/": ("v", ""),
    "endpoints/<uuid:endpoint_id>/change/": ("e", "e"),
    "endpoints/<uuid:endpoint_id>/rotate/": ("e", "e"),
    "endpoints/<uuid:endpoint_id>/delete/": ("e", "e"),
    "deliveries/<uuid:delivery_id>/": ("v", ""),
    "deliveries/<uuid:delivery_id>/resend/": ("r", "r"),
    "executions/": ("v", ""),
    "executions/bulk/": ("r", "r"),
    "executions/<uuid:execution_id>/": ("v", ""),
    "executions/<uuid:execution_id>/delivery/": ("v", ""),
    "executions/<uuid:execution_id>/cancel/": ("r", "r"),
    "executions/<uuid:execution_id>/resume/": ("r", "r"),
    "executions/<uuid:execution_id>/replay/": ("r", "r"),
    "executions/<uuid:execution_id>/steps/<slug:key>/resolve/": ("r", "r"),
    "executions/<uuid:execution_id>/steps/<slug:key>/decide/": ("v", "v"),
    "attention/": ("v", ""),
    "audit/": ("a", ""),
    "audit/export/": ("a", ""),
    "api-keys/": ("a", "a"),
    "api-keys/<uuid:key_id>/revoke/": ("a", "a"),
    "members/": ("v", "a"),
    "members/<uuid:member_id>/": ("a", "a"),
    "members/<uuid:member_id>/remove/": ("a", "a"),
    "invitations/<uuid:invitation_id>/revoke/": ("a", "a"),
    "leave/": ("v", "v"),
    f"{WORKFLOW}draft/test/": ("e", "e"),
    f"{WORKFLOW}draft/run/": ("e", "e"),
    "settings/": ("s", ""),
    "settings/egress/": ("a", "a"),
    "settings/secrets/": ("s", "s"),
    "settings/secrets/<slug:name>/": ("s", "s"),
    "settings/secrets/<slug:name>/delete/": ("s", "s"),
    "settings/variables/": ("s", "s"),
    "settings/variables/<slug:name>/": ("s", "s"),
    "settings/variables/<slug:name>/delete/": ("s", "s"),
    "usage/": ("v", ""),
}
V1, TENANT = "api/v1/", "t/<slug:tenant_slug>/"
# Let through: done, or refused for what was sent or what is there to be done; never for who asks.
LET_THROUGH = frozenset({200, 201, 202, 204, 302, 409, 422})
OF_A_PAGE = LET_THROUGH | {400, 404}  # no form was filled in, and no step waits for an answer


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_the_table_has_every_route_of_keys_and_tenants_pages() -> None:
    assert {route.pattern for route in API} == {V1 + name for name in KEYS}
    assert {route.pattern for route in TENANTS_PAGES} == {TENANT + name for name in PAGE}


def undone(act: Callable[[], HttpResponseBase]) -> int:
    """The status of a request, whose work does not stand in the way of the next one."""
    with transaction.atomic():
        status = act().status_code
        transaction.set_rollback(True)
    return status


def expected(
    needed: str | None, held: str, through: frozenset[int] = LET_THROUGH
) -> frozenset[int]:
    if needed is None:
        return frozenset({403, 405})
    return through if needed in held else frozenset({403})


def wrong_of_keys(
    site: Site, client: Client, wanted: Callable[[str | None], Any], *, every: bool = False
) -> list[str]:
    """The table's verbs (or `every` one) with this client: which answers are others than wanted."""
    wrong = []
    for route in API:
        table = KEYS[route.pattern.removeprefix(V1)]
        for method in METHODS:
            if method == "OPTIONS":
                continue
            needed = table.get("GET" if method == "HEAD" else method)
            if needed is None and not every:
                continue
            body = routes.API[route.pattern].get(method)
            status = undone(partial(ask, client, method, site.path(route), body))
            if status not in wanted(needed):
                wrong.append(f"{method} {route.pattern}: {status}, not {sorted(wanted(needed))}")
    return wrong


@pytest.mark.parametrize("role", Role)
def test_a_key_may_what_the_table_says_of_its_role(site: Site, role: Role) -> None:
    client = key_of(site.people.acme, role)
    every = role is Role.OWNER  # what the strongest cannot do by other verbs, nobody can
    wrong = wrong_of_keys(site, client, lambda needed: expected(needed, HELD[role]), every=every)
    assert wrong == []


@pytest.mark.parametrize("letter", LETTERS)
def test_a_narrowed_key_may_what_the_table_says_of_its_scope(site: Site, letter: str) -> None:
    """The strongest role with one permission left: the others are gone with every route."""
    token = factories.make_key(site.people.acme, Role.OWNER, [Permission(LETTERS[letter])])
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
    may = {"POST api/v1/api-keys/", "DELETE api/v1/api-keys/<uuid:id>/"}
    wrong = wrong_of_keys(site, client, lambda needed: expected(needed, letter))
    # It may reach these, which then look at what it would give or take.
    above = may | {f"{verb} api/v1/members/<uuid:id>/" for verb in ("PATCH", "DELETE")}
    above |= {"POST api/v1/invitations/"}
    assert [one for one in wrong if letter != "a" or one.partition(": ")[0] not in above] == []


def wrong_of_pages(site: Site, client: Client, wanted: Callable[[str | None], Any]) -> list[str]:
    wrong = []
    for route in TENANTS_PAGES:
        look, send = PAGE[route.pattern.removeprefix(TENANT)]
        needs = {"GET": look, "HEAD": look, "POST": send or None}
        for method in ("GET", "HEAD", "POST"):
            status = undone(partial(_page, client, method, site.path(route)))
            # Where no form is, a page shows itself or refuses the verb, as it does to who may look.
            needed = needs[method]
            if status not in wanted(needed if needed or method != "POST" else look) | (
                {405} if needed is None else set()
            ):
                wrong.append(f"{method} {route.pattern}: {status}")
    return wrong


def _page(client: Client, method: str, path: str) -> HttpResponseBase:
    answer: HttpResponseBase = client.generic(
        method, path, "", content_type="application/x-www-form-urlencoded"
    )
    return answer


@pytest.mark.parametrize("role", Role)
def test_a_member_may_what_the_table_says_of_the_role(site: Site, role: Role) -> None:
    people = site.people
    who = {
        Role.OWNER: people.alice,
        Role.EDITOR: people.ed,
        Role.OPERATOR: people.otto,
        Role.VIEWER: people.vera,
    }
    client = session(who[role])
    assert (
        wrong_of_pages(site, client, lambda needed: expected(needed, HELD[role], OF_A_PAGE)) == []
    )


def test_who_is_not_logged_in_is_sent_to_do_so(site: Site) -> None:
    assert wrong_of_pages(site, Client(), lambda _: {302}) == []
