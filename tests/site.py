"""A site with one of everything, all its routes, and who asks there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models.functions import Now
from django.http import HttpResponseBase
from django.test import Client

from config.callers import enter
from tenants import scope
from tenants.models import Membership, Tenant, User
from tenants.rls import TenantRow
from tenants.roles import Role
from tests import factories, routes
from tests.factories import People
from tests.routes import METHODS, Route
from tests.webhooks import senders
from tests.workflows.definitions import document, step
from webhooks import trials
from webhooks.models import Delivery, TrialAddress
from workflows.models import Workflow

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
MAILED = {"token": "x", "key": "x", "uidb36": "x"}  # what only a mail says


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


def make_site() -> Site:
    """acme's rows, and what stands for each parameter of a route."""
    people = factories.make_people()
    return Site(people, fill(people.acme, by=people.alice, member=people.vera, word=SENTINEL))


def fill(tenant: Tenant, *, by: User, member: User, word: str) -> dict[str, dict[str, object]]:
    """One of everything, with the word in all of it; by a part of a route its parameters."""
    definition = document(step("only", config={"message": word}))
    workflow = factories.make_workflow(tenant, definition, slug=word)
    factories.make_secret(tenant, word, word)
    factories.make_variable(tenant, word, word)
    execution = factories.start_execution(workflow, {"what": word})
    schedule = factories.make_schedule(workflow, name=word)
    subscription = factories.subscribe(workflow, None, filter=f"{{{{ event.output == '{word}' }}}}")
    nobodys = {"session_id": 1, "pk": 1, "app_label": "tenants", "url": "nowhere"}
    return {
        "": {"id": by.id, "slug": word, "name": word, "number": 1, **nobodys},
        **_access(tenant, by, member, word),
        **_webhooks(workflow, word),
        "executions/": {"execution_id": execution.id, "id": execution.id, "key": "only"},
        "schedules/": {"schedule_id": schedule.id, "id": schedule.id},
        "subscriptions/": {"subscription_id": subscription.id, "id": subscription.id},
        "admin/workflows/": {"id": workflow.id},
        "admin/workflows/schedule/": {"id": schedule.id},
        "admin/workflows/subscription/": {"id": subscription.id},
        "admin/executions/execution/run/": {"workflow_id": workflow.id},
    }


def _access(tenant: Tenant, by: User, user: User, word: str) -> dict[str, dict[str, object]]:
    """The user as a member, a key, an invitation."""
    key = factories.make_key_row(tenant, Role.VIEWER, name=word)
    invitation = factories.make_invitation(tenant, by, f"{word}@{tenant.slug}.example")
    with scope.tenant(tenant.id):
        member = Membership.objects.get(user=user)
    return {
        "api-keys/": {"key_id": key.id, "id": key.id},
        "members/": {"member_id": member.id, "id": member.id},
        "invitations/": {"invitation_id": invitation.id, "id": invitation.id},
    }


def _webhooks(workflow: Workflow, word: str) -> dict[str, dict[str, object]]:
    """An endpoint, a webhook that came in there, and a listening test address."""
    address = senders.make_address(workflow=workflow)
    senders.deliver(address, senders.standard(address))
    with scope.tenant(workflow.tenant_id):
        delivery = Delivery.objects.get()
        listening = trials.listen(workflow=workflow, by=word).address
        TrialAddress.objects.update(expires_at=Now() + timedelta(days=1))
    return {
        "endpoints/": {"endpoint_id": address.endpoint_id, "id": address.endpoint_id},
        "deliveries/": {"delivery_id": delivery.id},
        "v1/deliveries/": {"id": delivery.id},
        "admin/webhooks/endpoint/": {"id": address.endpoint_id},
        "admin/webhooks/delivery/": {"id": delivery.id},
        "admin/webhooks/trialaddress/": {"id": listening.id},
    }


# --- Asking ------------------------------------------------------------------------------------


def session(user: Any) -> Client:
    return enter(Client(raise_request_exception=False), user)


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
