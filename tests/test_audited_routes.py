"""Whatever changes a row leaves an entry in a chain: every call of the API, every page.

Every route is called with every method that could change something. What was changed is read from
the tables themselves, so a route cannot be forgotten by its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest
from django.test import Client

from tenants import scope
from tenants.models import AuditEntry
from tests import routes
from tests.audited import UNAUDITED, World, done, make_world, untold
from tests.callers import PASSWORD
from tests.site import API, PAGES, SENTINEL, ask, key_of, session

CHANGING = ("POST", "PUT", "PATCH", "DELETE")

# What is not there to change anything.
CHANGES_NOTHING = {
    ("POST", "api/v1/workflows/validate/"),
    ("POST", "api/v1/schedules/preview/"),
}


@pytest.fixture
def world(db: None) -> World:
    return make_world()


# --- The API -----------------------------------------------------------------------------------


def test_every_call_of_the_api_that_changes_something_is_told(world: World) -> None:
    client = key_of(world.site.people.acme)
    deeds = []
    for route in API:
        for method in CHANGING:
            if not route.handles(method):
                continue
            body = routes.API[route.pattern].get(method)
            if "/resolve/" in route.pattern:
                body = {"action": "fail"}
            if "/decide/" in route.pattern:
                body = {"decision": "rejected"}
            path = world.path(route)
            call = partial(ask, client, method, path, body)
            deeds.append(done(world, method, route.pattern, call))
    assert untold(deeds) == []
    idle = {one.name for one in deeds if not one.changed}
    assert idle == CHANGES_NOTHING, "what was tried here did nothing, so nothing was proved"
    assert set(UNAUDITED) <= {one.name for one in deeds}


@pytest.mark.parametrize("body", [{"answer": "result"}, {"enabled": False}, {"name": "Orders"}])
def test_each_part_of_a_change_is_told(world: World, body: dict[str, object]) -> None:
    path = f"/api/v1/endpoints/{world.rows['webhooks/endpoint']}/"
    call = partial(ask, key_of(world.site.people.acme), "PATCH", path, body)
    deed = done(world, "PATCH", path, call)
    assert (deed.status, deed.changed, deed.told) == (200, frozenset({"webhooks_endpoint"}), 1)


def test_registering_is_told_in_the_new_tenants_chain(db: None) -> None:
    body = {"tenant": "New", "email": "new@x.example", "password": PASSWORD}
    assert ask(Client(), "POST", "/api/v1/register/", body).status_code == 201
    with scope.operator("a test looks"):
        rows = list(AuditEntry.objects.order_by("seq").values_list("action", "actor_label"))
    actions = ("tenant.registered", "member.added", "api_key.issued")
    assert rows == [(action, "new@x.example") for action in actions]


# --- Pages -------------------------------------------------------------------------------------

RUN = "t/<slug:tenant_slug>/executions/<uuid:execution_id>/"
SUBSCRIPTIONS = "t/<slug:tenant_slug>/workflows/<slug:slug>/subscriptions/"
MEMBER = "t/<slug:tenant_slug>/members/<uuid:member_id>/"
ENDPOINTS = "t/<slug:tenant_slug>/endpoints/"
ENDPOINT = f"{ENDPOINTS}<uuid:endpoint_id>/"
WORKFLOW = "t/<slug:tenant_slug>/workflows/<slug:slug>/"
SETTINGS = "t/<slug:tenant_slug>/settings/"
FORMS: Mapping[str, Mapping[str, str]] = {
    f"{SETTINGS}secrets/<slug:name>/delete/": {},
    f"{SETTINGS}variables/<slug:name>/delete/": {},
    f"{SETTINGS}egress/": {"hosts": "shop.example"},
    f"{SETTINGS}secrets/": {"name": "fresh", "value": "open sesame"},
    f"{SETTINGS}variables/": {"name": "fresh", "value": "1"},
    f"{SETTINGS}secrets/<slug:name>/": {"value": "open sesame"},
    f"{SETTINGS}variables/<slug:name>/": {"value": "2"},
    f"{ENDPOINTS}new/": {"workflow": SENTINEL, "scheme": "standard-webhooks", "answer": "ack"},
    f"{ENDPOINT}change/": {"name": "Renamed", "answer": "ack", "enabled": ""},
    f"{ENDPOINT}rotate/": {},
    f"{ENDPOINT}delete/": {},
    "t/<slug:tenant_slug>/deliveries/<uuid:delivery_id>/resend/": {},
    f"{WORKFLOW}deliveries/": {"action": "discard"},
    "t/<slug:tenant_slug>/new-workflow/": {"name": "Fresh", "text": "{schema: 1, steps: []}"},
    f"{WORKFLOW}draft/": {"name": SENTINEL, "text": "{schema: 1, steps: []}"},
    f"{WORKFLOW}publish/": {"revision": "2"},
    f"{WORKFLOW}archive/": {},
    f"{WORKFLOW}versions/<int:number>/restore/": {},
    f"{WORKFLOW}pause/": {},
    f"{WORKFLOW}resume/": {},
    "t/<slug:tenant_slug>/members/": {"email": "new@acme.example", "role": "viewer"},
    "t/<slug:tenant_slug>/api-keys/": {"name": "ci", "role": "viewer"},
    "t/<slug:tenant_slug>/api-keys/<uuid:key_id>/revoke/": {},
    MEMBER: {"role": "editor"},
    f"{MEMBER}remove/": {},
    "t/<slug:tenant_slug>/invitations/<uuid:invitation_id>/revoke/": {},
    f"{WORKFLOW}schedules/": {
        "name": "fresh",
        "cron": "0 9 * * *",
        "zone": "UTC",
        "overlap": "allow",
        "misfire": "once",
    },
    f"{WORKFLOW}schedules/<uuid:schedule_id>/": {"action": "delete"},
    SUBSCRIPTIONS: {"statuses": "failed"},
    f"{SUBSCRIPTIONS}<uuid:subscription_id>/": {"action": "disable"},
    "t/<slug:tenant_slug>/workflows/<slug:slug>/run/": {"body": "{}"},
    "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/run/": {"body": "{}"},
    "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/test/": {"action": "listen"},
    "t/<slug:tenant_slug>/executions/bulk/": {"action": "replay"},
    f"{RUN}cancel/": {},
    f"{RUN}resume/": {"version": "same", "step": ""},
    f"{RUN}replay/": {"version": "same"},
    f"{RUN}steps/<slug:key>/resolve/": {"action": "fail", "output": ""},
    f"{RUN}steps/<slug:key>/decide/": {"decision": "rejected", "comment": ""},
}


def test_every_page_that_changes_something_is_told(world: World) -> None:
    client = session(world.site.people.alice)
    deeds = []
    for route in PAGES:
        path, form = world.path(route), FORMS.get(route.pattern, {})
        deeds.append(done(world, "POST", route.pattern, partial(client.post, path, form)))
    assert untold(deeds) == []
    assert {one.pattern for one in deeds if one.changed} == set(FORMS)
