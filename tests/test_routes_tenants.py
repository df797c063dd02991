"""Every route there is, tried by an owner of another tenant who knows all ids of acme's rows.

Each test goes over all routes and lists every answer that is wrong.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests import routes
from tests.routes import METHODS
from tests.site import (
    API,
    PAGES,
    SENTINEL,
    TENANTS_PAGES,
    Site,
    ask,
    key_of,
    make_site,
    rows_of,
    session,
    tells,
    told,
    tried,
)

# A name in these is a place of the caller's own, which the same name elsewhere does not take.
OWN_PLACES = {
    ("PUT", "api/v1/secrets/<slug:name>/"),
    ("PUT", "api/v1/variables/<slug:name>/"),
}
# Tells a tenant also of the key with which it is read.
USAGE = "api/v1/usage/"
NO_LISTS = {USAGE, "api/v1/egress/"}
TRAIL = {"api/v1/audit/", "api/v1/audit/export/"}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_another_tenants_ids_are_not_found_with_a_key(site: Site) -> None:
    before = rows_of(site.people.acme)
    client = key_of(site.people.globex)
    wrong: list[str] = []
    for route in (route for route in API if route.parameters):
        for method in METHODS:
            answer = ask(client, method, site.path(route), routes.API[route.pattern].get(method))
            if method == "OPTIONS" or (method, route.pattern) in OWN_PLACES:
                expected = {200, 201, 403, 405}
            else:
                expected = {404} if route.handles(method) else {403, 405}
            if answer.status_code not in expected or (tells(answer) and method != "PUT"):
                wrong.append(told(method, site.path(route), answer))
    assert wrong == []
    assert rows_of(site.people.acme) == before


def test_lists_hold_nothing_of_another_tenant(site: Site) -> None:
    client = key_of(site.people.globex)
    lists = [route for route in API if not route.parameters and route.handles("GET")]
    assert lists
    for route in lists:
        answer = ask(client, "GET", route.path({}))
        assert answer.status_code == 200
        if route.pattern in TRAIL or route.pattern in NO_LISTS:
            continue
        found = json.loads(bytes(getattr(answer, "content", b"")))["results"]
        if route.pattern == "api/v1/api-keys/":
            assert [row["name"] for row in found] == ["test"]  # the one that asks
            continue
        own = ["mallory@globex.example"] if route.pattern == "api/v1/members/" else []
        assert [row["email"] for row in found] == own


def test_usage_counts_nothing_of_another_tenant(site: Site) -> None:
    used = json.loads(ask(key_of(site.people.globex), "GET", f"/{USAGE}").content)["quotas"]  # type: ignore[attr-defined] # no stream
    own = {"members": 1}
    assert {one["name"]: one["used"] for one in used if one["used"]} == own


def test_the_audit_trail_holds_only_what_was_done_in_ones_own_tenant(site: Site) -> None:
    for tenant, expected in ((site.people.globex, False), (site.people.acme, True)):
        client = key_of(tenant)
        for pattern in sorted(TRAIL):
            answer = ask(client, "GET", f"/{pattern}")
            content: Any = getattr(answer, "streaming_content", [getattr(answer, "content", b"")])
            text = b"".join(content).decode()
            assert str(tenant.id) in text or "api_key.issued" in text
            assert (SENTINEL in text) is expected


@pytest.mark.parametrize("query", [f"workflow={SENTINEL}", "status=queued", "trigger=webhook"])
def test_no_filter_reaches_another_tenant(site: Site, query: str) -> None:
    answer = ask(key_of(site.people.globex), "GET", f"/api/v1/executions/?{query}")
    found = json.loads(bytes(getattr(answer, "content", b"")))
    assert answer.status_code in (200, 404, 422)
    assert found.get("results", []) == []


def test_a_body_cannot_name_another_tenants_workflow(site: Site) -> None:
    body = {"workflow": SENTINEL}
    answer = ask(key_of(site.people.globex), "POST", "/api/v1/endpoints/", body)
    assert answer.status_code == 422


def test_another_tenants_pages_are_not_found(site: Site) -> None:
    before = rows_of(site.people.acme)
    paths = {site.path(route): route for route in TENANTS_PAGES}
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(session(site.people.mallory), paths)
        if answer.status_code != 404 or tells(answer)
    ]
    assert wrong == []
    assert rows_of(site.people.acme) == before


def test_another_tenants_ids_are_not_found_under_the_own_tenant(site: Site) -> None:
    before = rows_of(site.people.acme)
    deep = [route for route in TENANTS_PAGES if len(route.parameters) > 1]
    assert deep
    client = session(site.people.mallory)
    wrong: list[str] = []
    for route in deep:
        path = site.path(route, tenant="globex")
        for method in METHODS:
            answer = ask(client, method, path)
            expected = {404} if method == "GET" else {404, 405}
            if answer.status_code not in expected:
                wrong.append(told(method, path, answer))
    assert wrong == []
    assert rows_of(site.people.acme) == before


def test_an_id_that_nobody_has_gets_the_same_answer_as_another_tenants(site: Site) -> None:
    """Else the answer would tell what exists."""
    client = key_of(site.people.globex)
    nobody: dict[str, object] = {"slug": "nobody", "name": "nobody", "number": 1, "id": UUID(int=7)}
    for route in (route for route in API if route.parameters and route.handles("GET")):
        answers = [ask(client, "GET", path) for path in (site.path(route), route.path(nobody))]
        theirs, none = (bytes(getattr(answer, "content", b"")) for answer in answers)
        assert theirs == none


def only_options(answer: Any) -> bool:
    """Which methods the address takes, and nothing else: Django says it without a look at a row."""
    return answer.status_code == 200 and answer.content == b"" and "Allow" in answer


def test_ones_own_account_shows_nothing_of_others(site: Site) -> None:
    """Its pages name no tenant, and their numbers are looked for among one's own."""
    own = [route for route in PAGES if route not in TENANTS_PAGES and route.parameters]
    assert own
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(
            session(site.people.mallory), {site.path(route): route for route in own}
        )
        if tells(answer) or not (answer.status_code in (302, 404, 405) or only_options(answer))
    ]
    assert wrong == []
