"""Every route there is, tried by those who have not said who they are, or at the wrong door.

Each test goes over all routes and lists every answer that is wrong. Another tenant's:
tests/test_routes_tenants.py; who may do what at their own: tests/test_permissions.py.
"""

from __future__ import annotations

import pytest
from django.test import Client

from config.routing import sockets
from tests import routes
from tests.routes import METHODS, Route
from tests.site import (
    ADMIN,
    API,
    MAILED,
    PAGES,
    ROUTES,
    TENANTS_PAGES,
    Site,
    ask,
    key_of,
    make_site,
    rows_of,
    session,
    tells,
    tried,
    turned_away,
)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


# --- The table ---------------------------------------------------------------------------------


def test_every_route_is_known() -> None:
    found = {route.pattern for route in ROUTES if route not in ADMIN}
    assert found == {*routes.PUBLIC, *routes.PAGES, *routes.API}


def test_every_socket_is_known() -> None:
    """Who may open it: tests/executions/test_consumers.py, tests/webhooks/test_consumers.py."""
    found = [str(getattr(entry, "pattern", entry)) for entry in sockets.routes]
    assert found == ["ws/executions/<uuid:execution_id>/", "ws/tests/<uuid:address_id>/"]


def test_each_public_route_answers_anybody(db: None) -> None:
    client = Client(raise_request_exception=False)
    answers = {
        route.pattern: [ask(client, method, route.path(MAILED)) for method in METHODS]
        for route in ROUTES
        if route.pattern in routes.PUBLIC
    }
    closed = [pattern for pattern, given in answers.items() if all(map(turned_away, given))]
    assert closed == []


# --- Anonymous ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [PAGES, API, ADMIN], ids=["pages", "api", "admin"])
def test_nobody_gets_in_without_saying_who_they_are(site: Site, family: list[Route]) -> None:
    paths = {site.path(route): route for route in family}
    client = Client(raise_request_exception=False)
    before = rows_of(site.people.acme)
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(client, paths)
        if not turned_away(answer) or tells(answer)
    ]
    assert wrong == []
    assert rows_of(site.people.acme) == before


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Bearer sw_x_y", "Bearer \u00e9", "Basic eDp5", "\x00"]
)
def test_a_key_that_is_none_is_401(site: Site, header: str | None) -> None:
    sent = {"Authorization": header} if header is not None else {}
    client = Client(raise_request_exception=False, headers=sent)
    paths = {site.path(route): route for route in API}
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(client, paths)
        if answer.status_code != 401
    ]
    assert wrong == []


# --- The wrong door ----------------------------------------------------------------------------


def test_a_session_is_no_key(site: Site) -> None:
    paths = {site.path(route): route for route in API}
    for user in (site.people.alice, site.people.staff):
        wrong = [
            f"{request}: {answer.status_code}"
            for request, answer in tried(session(user), paths)
            if answer.status_code != 401
        ]
        assert wrong == []


def test_a_key_is_no_session(site: Site) -> None:
    paths = {site.path(route): route for route in (*PAGES, *ADMIN)}
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(key_of(site.people.acme), paths)
        if not turned_away(answer)
    ]
    assert wrong == []


def test_only_the_staff_sees_the_admin(site: Site) -> None:
    paths = {site.path(route): route for route in ADMIN}
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(session(site.people.alice), paths)
        if not turned_away(answer)
    ]
    assert wrong == []


def test_the_staff_are_members_of_no_tenant(site: Site) -> None:
    paths = {site.path(route): route for route in TENANTS_PAGES}
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(session(site.people.staff), paths)
        if answer.status_code != 404
    ]
    assert wrong == []
