"""Every route there is, tried by everybody who must not get through.

Each test goes over all routes and lists every answer that is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db.models.functions import Now
from django.http import HttpResponseBase
from django.test import Client

from executions.routing import sockets
from tenants import scope
from tenants.models import Membership, Tenant
from tenants.rls import TenantRow
from tenants.roles import Role
from tests import factories, routes
from tests.factories import People
from tests.routes import METHODS, Route
from tests.webhooks import senders
from tests.workflows.definitions import document, step
from webhooks import trials
from webhooks.models import Delivery, TrialAddress

ROUTES = routes.walk()
PAGES = [route for route in ROUTES if route.pattern in routes.PAGES]
TENANTS_PAGES = [route for route in PAGES if "tenant_slug" in route.parameters]
API = [route for route in ROUTES if route.pattern in routes.API]
ADMIN = [
    route
    for route in ROUTES
    if route.pattern.startswith(routes.ADMIN) and route.pattern not in routes.PUBLIC
]
SENTINEL = "classified"  # in everything that a stranger must not see

# A name in these is a place of the caller's own, which the same name elsewhere does not take.
OWN_PLACES = {
    ("PUT", "api/v1/secrets/<slug:name>/"),
    ("PUT", "api/v1/variables/<slug:name>/"),
}
# Tells a tenant also of the key with which it is read.
USAGE = "api/v1/usage/"
TRAIL = {"api/v1/audit/", "api/v1/audit/export/"}
# What the two lower roles may do beyond reading. Who decides is up to the step.
EXECUTION = "api/v1/executions/<uuid:id>/"
EVERYBODY = {
    ("POST", "api/v1/workflows/validate/"),
    ("POST", "api/v1/schedules/preview/"),
    ("POST", f"{EXECUTION}steps/<slug:key>/decide/"),
}
ALLOWED = {
    Role.VIEWER: EVERYBODY,
    Role.OPERATOR: {
        *EVERYBODY,
        ("POST", "api/v1/workflows/<slug:slug>/run/"),
        ("POST", "api/v1/workflows/<slug:slug>/pause/"),
        ("POST", "api/v1/workflows/<slug:slug>/resume/"),
        ("POST", "api/v1/workflows/<slug:slug>/deliveries/run/"),
        ("POST", "api/v1/workflows/<slug:slug>/deliveries/discard/"),
        ("POST", "api/v1/deliveries/<uuid:id>/resend/"),
        ("POST", "api/v1/executions/bulk/"),
        ("POST", f"{EXECUTION}cancel/"),
        ("POST", f"{EXECUTION}resume/"),
        ("POST", f"{EXECUTION}replay/"),
        ("POST", f"{EXECUTION}steps/<slug:key>/resolve/"),
    },
}

MAILED = {"token": "x", "key": "x", "uidb36": "x"}  # what only a mail says

Wrong = list[str]


@dataclass(frozen=True)
class Site:
    """acme has one of everything, and globex knows all its ids."""

    people: People
    values: Mapping[str, Mapping[str, object]]
    """The parameters of routes that have this part; a later one wins over an earlier."""

    def path(self, route: Route, tenant: str = "acme") -> str:
        known: dict[str, object] = {"tenant_slug": tenant}
        for part, values in self.values.items():
            known |= values if part in route.pattern else {}
        return route.path({name: known.get(name, known["id"]) for name in route.parameters})


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def make_site() -> Site:
    """acme's rows, and what stands for each parameter of a route."""
    people = factories.make_people()
    acme = people.acme
    definition = document(step("only", config={"message": SENTINEL}))
    workflow = factories.make_workflow(acme, definition, slug=SENTINEL)
    execution = factories.start_execution(workflow, {"what": SENTINEL})
    factories.make_secret(acme, SENTINEL, SENTINEL)
    factories.make_variable(acme, SENTINEL, SENTINEL)
    schedule = factories.make_schedule(workflow, name=SENTINEL)
    key = factories.make_key_row(acme, Role.VIEWER, name=SENTINEL)
    invitation = factories.make_invitation(acme, people.alice, f"{SENTINEL}@acme.example")
    subscription = factories.subscribe(
        workflow, None, filter=f"{{{{ event.output == '{SENTINEL}' }}}}"
    )
    address = senders.make_address(workflow=workflow)
    senders.deliver(address, senders.standard(address))
    with scope.tenant(acme.id):
        delivery = Delivery.objects.get()
        member = Membership.objects.get(user=people.vera)
        listening = trials.listen(workflow=workflow, by=SENTINEL).address
        TrialAddress.objects.update(expires_at=Now() + timedelta(days=1))
    values: dict[str, dict[str, object]] = {
        "": {
            "id": people.alice.id,
            "slug": SENTINEL,
            "name": SENTINEL,
            "number": 1,
            "execution_id": execution.id,
            "member_id": member.id,
            "invitation_id": invitation.id,
            "key_id": key.id,
            "session_id": 1,
            "pk": 1,
            "subscription_id": subscription.id,
            "workflow_id": workflow.id,
            "endpoint_id": address.endpoint_id,
            "delivery_id": delivery.id,
            "app_label": "tenants",
            "url": "nowhere",
        },
        "api/v1/api-keys/": {"id": key.id},
        "api/v1/members/": {"id": member.id},
        "api/v1/invitations/": {"id": invitation.id},
        "executions/": {"id": execution.id, "key": "only"},
        "endpoints/": {"id": address.endpoint_id},
        "v1/deliveries/": {"id": delivery.id},
        "schedules/": {"id": schedule.id},
        "subscriptions/": {"id": subscription.id},
        "admin/workflows/": {"id": workflow.id},
        "admin/workflows/schedule/": {"id": schedule.id},
        "admin/workflows/subscription/": {"id": subscription.id},
        "admin/webhooks/endpoint/": {"id": address.endpoint_id},
        "admin/webhooks/delivery/": {"id": delivery.id},
        "admin/webhooks/trialaddress/": {"id": listening.id},
    }
    return Site(people, values)


# --- Asking ------------------------------------------------------------------------------------


def session(user: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def key_of(tenant: Tenant, role: Role = Role.OWNER) -> Client:
    token = factories.make_key(tenant, role)
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})


def ask(client: Client, method: str, path: str, body: object = None) -> HttpResponseBase:
    data = "" if body is None else json.dumps(body)
    return client.generic(
        method, path, data, content_type="application/json", headers={"If-Match": "*"}
    )


def turned_away(answer: HttpResponseBase) -> bool:
    """401, 403, 404, or off to log in."""
    if answer.status_code == 302:
        return answer["Location"].split("?")[0] in ("/login/", "/admin/login/")
    return answer.status_code in (401, 403, 404)


def tells(answer: HttpResponseBase) -> bool:
    """Whether the answer holds what only acme may see."""
    return SENTINEL.encode() in bytes(getattr(answer, "content", b""))


def told(method: str, path: str, answer: HttpResponseBase) -> str:
    return f"{method} {path}: {answer.status_code}"


def tried(client: Client, paths: Mapping[str, Route]) -> Iterator[tuple[str, HttpResponseBase]]:
    """Every method at every path, with a body that the route would take."""
    for path, route in paths.items():
        for method in METHODS:
            body = routes.API.get(route.pattern, {}).get(method)
            yield f"{method} {path}", ask(client, method, path, body)


def rows_of(tenant: Tenant) -> list[Any]:
    """All that the tenant has, as it is now."""
    models = [model for model in apps.get_models() if issubclass(model, TenantRow)]
    with scope.tenant(tenant.id):
        return [sorted(model._default_manager.values_list(), key=str) for model in models]


# --- The table ---------------------------------------------------------------------------------


def test_every_route_is_known() -> None:
    found = {route.pattern for route in ROUTES if route not in ADMIN}
    assert found == {*routes.PUBLIC, *routes.PAGES, *routes.API}


def test_every_socket_is_known() -> None:
    """Who may open it: tests/executions/test_consumers.py."""
    found = [str(getattr(entry, "pattern", entry)) for entry in sockets.routes]
    assert found == ["ws/executions/<uuid:execution_id>/"]


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
    "header", ["Bearer", "Bearer ", "Bearer sw_x_y", "Bearer \u00e9", "Basic eDp5", "\x00"]
)
def test_a_key_that_is_none_is_401(site: Site, header: str) -> None:
    client = Client(raise_request_exception=False, headers={"Authorization": header})
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


# --- Another tenant ----------------------------------------------------------------------------


def test_another_tenants_ids_are_not_found_with_a_key(site: Site) -> None:
    before = rows_of(site.people.acme)
    client = key_of(site.people.globex)
    wrong: Wrong = []
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
        if route.pattern in TRAIL or route.pattern == USAGE:
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
    wrong: Wrong = []
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


# --- Roles -------------------------------------------------------------------------------------


def test_ones_own_account_shows_nothing_of_others(site: Site) -> None:
    """Its pages name no tenant, and their numbers are looked for among one's own."""
    own = [route for route in PAGES if route not in TENANTS_PAGES and route.parameters]
    assert own
    wrong = [
        f"{request}: {answer.status_code}"
        for request, answer in tried(
            session(site.people.mallory), {site.path(route): route for route in own}
        )
        if answer.status_code not in (302, 404, 405) or tells(answer)
    ]
    assert wrong == []


@pytest.mark.parametrize("role", ALLOWED)
def test_the_lower_roles_change_nothing(site: Site, role: Role) -> None:
    client = key_of(site.people.acme, role)
    wrong: Wrong = []
    for route in API:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            if not route.handles(method):
                continue
            answer = ask(client, method, site.path(route), routes.API[route.pattern].get(method))
            allowed = (method, route.pattern) in ALLOWED[role]
            if (answer.status_code == 403) == allowed:
                wrong.append(told(method, site.path(route), answer))
    assert wrong == []


def test_an_owner_gets_through_to_every_route(site: Site) -> None:
    """The counterpart: what is refused above is there, and is refused for who asks."""
    client = key_of(site.people.acme)
    answers = {route.pattern: ask(client, "GET", site.path(route)) for route in API}
    closed = [pattern for pattern, answer in answers.items() if turned_away(answer)]
    assert closed == []
