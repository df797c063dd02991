"""Whatever staff change in the admin leaves an entry in a chain; what they look at, too."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tenants.models import AuditEntry
from tests import factories
from tests.audited import World, done, make_world, untold
from tests.routes import Route
from tests.site import ADMIN, session


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def given(client: Client, path: str) -> dict[str, Any]:
    """What a browser would send back of a form as it is."""
    page = client.get(path)
    context: Any = page.context
    if page.status_code != 200 or context is None or "adminform" not in context:
        return {}
    values: dict[str, Any] = {}
    forms = [context["adminform"].form]
    for inline in context.get("inline_admin_formsets") or ():
        forms += [inline.formset.management_form]
    for form in forms:
        for field in form:
            values[field.html_name] = field.value()
    flat = {name: value for name, value in values.items() if value not in (None, [])}
    return {name: value for name, value in flat.items() if value is not False}


NEW = "new@x.example"
PASSWORDS = {"password1": "another long one", "password2": "another long one"}
# What is sent beside the form as it is. Each of these must change something.
ACTS: dict[str, dict[str, Any]] = {
    "admin/password_change/": {
        "old_password": factories.PASSWORD,
        "new_password1": "another long one",
        "new_password2": "another long one",
    },
    "admin/tenants/apikey/<path:object_id>/revoke/": {},
    "admin/tenants/invitation/<path:object_id>/revoke/": {},
    "admin/tenants/apikey/add/": {"tenant": "$tenant", "name": "ci", "role": "viewer"},
    "admin/tenants/apikey/<path:object_id>/change/": {"name": "renamed"},
    "admin/tenants/secret/add/": {"tenant": "$tenant", "name": "fresh", "value": "open sesame"},
    "admin/tenants/secret/<path:object_id>/change/": {"value": "open sesame"},
    "admin/tenants/secret/<path:object_id>/delete/": {"post": "yes"},
    "admin/tenants/variable/add/": {"tenant": "$tenant", "name": "fresh", "value": "1"},
    "admin/tenants/variable/<path:object_id>/change/": {"value": "2"},
    "admin/tenants/variable/<path:object_id>/delete/": {"post": "yes"},
    "admin/tenants/tenant/add/": {"slug": "fresh", "name": "Fresh"},
    "admin/tenants/tenant/<path:object_id>/change/": {"name": "Renamed"},
    "admin/tenants/user/<id>/password/": {**PASSWORDS, "usable_password": "true"},
    "admin/tenants/user/add/": {"email": NEW, "usable_password": "true", **PASSWORDS},
    "admin/tenants/user/<path:object_id>/change/": {"name": "Vera"},
    "admin/tenants/membership/add/": {"tenant": "$tenant", "user": "$user", "role": "viewer"},
    "admin/tenants/membership/<path:object_id>/change/": {"role": "editor"},
    "admin/tenants/membership/<path:object_id>/delete/": {"post": "yes"},
    "admin/workflows/schedule/<path:object_id>/pause/": {},
    "admin/workflows/schedule/<path:object_id>/resume/": {},
    "admin/workflows/schedule/add/": {
        "workflow": "$workflow",
        "name": "fresh",
        "cron": "0 9 * * *",
        "input": "{}",
    },
    "admin/workflows/schedule/<path:object_id>/change/": {"name": "renamed"},
    "admin/workflows/schedule/<path:object_id>/delete/": {"post": "yes"},
    "admin/workflows/subscription/add/": {"workflow": "$workflow", "statuses": "failed"},
    "admin/workflows/subscription/<path:object_id>/change/": {"filter": ""},
    "admin/workflows/subscription/<path:object_id>/delete/": {"post": "yes"},
    "admin/executions/execution/run/<uuid:workflow_id>/": {"body": "{}"},
    "admin/workflows/workflowversion/<path:object_id>/restore/": {},
    "admin/workflows/workflow/<path:object_id>/publish/": {"revision": "2", "note": ""},
    "admin/workflows/workflow/<path:object_id>/archive/": {},
    "admin/workflows/workflow/<path:object_id>/pause/": {},
    "admin/workflows/workflow/<path:object_id>/resume/": {},
    "admin/workflows/workflow/add/": {"tenant": "$tenant", "name": "Fresh", "slug": ""},
    "admin/workflows/workflow/<path:object_id>/change/": {"name": "Renamed"},
    "admin/executions/execution/<path:object_id>/cancel/": {},
    "admin/executions/execution/<path:object_id>/resume/": {"version": "same", "step": ""},
    "admin/executions/execution/<path:object_id>/replay/": {"version": "same"},
    "admin/webhooks/endpoint/<path:object_id>/rotate/": {},
    "admin/webhooks/endpoint/<path:object_id>/run-waiting/": {},
    "admin/webhooks/endpoint/<path:object_id>/discard-waiting/": {},
    "admin/webhooks/delivery/<path:object_id>/resend/": {},
    "admin/webhooks/trialaddress/<path:object_id>/extend/": {},
    "admin/webhooks/trialaddress/<path:object_id>/stop/": {},
    "admin/webhooks/endpoint/add/": {
        "workflow": "$workflow",
        "scheme": "github",
        "options": "{}",
    },
    "admin/webhooks/endpoint/<path:object_id>/change/": {"enabled": ""},
    "admin/webhooks/endpoint/<path:object_id>/delete/": {"post": "yes"},
    "admin/auth/group/add/": {"name": "fresh"},
    "admin/auth/group/<path:object_id>/change/": {"name": "renamed"},
    "admin/auth/group/<path:object_id>/delete/": {"post": "yes"},
    "admin/django_celery_beat/periodictask/": {"action": "disable_tasks"},
    "admin/django_celery_beat/periodictask/add/": {
        "name": "fresh",
        "regtask": "config.retain",
        "interval": "$interval",
    },
    "admin/django_celery_beat/periodictask/<path:object_id>/change/": {"description": "x"},
    "admin/django_celery_beat/periodictask/<path:object_id>/delete/": {"post": "yes"},
    "admin/django_celery_beat/intervalschedule/add/": {"every": "9", "period": "seconds"},
    "admin/django_celery_beat/intervalschedule/<path:object_id>/change/": {"every": "9"},
    "admin/django_celery_beat/intervalschedule/<path:object_id>/delete/": {"post": "yes"},
    "admin/django_celery_beat/crontabschedule/add/": {"minute": "9"},
    "admin/django_celery_beat/crontabschedule/<path:object_id>/change/": {"minute": "9"},
    "admin/django_celery_beat/crontabschedule/<path:object_id>/delete/": {"post": "yes"},
}


def sent(world: World, client: Client, route: Route, path: str) -> dict[str, Any]:
    stand_ins: dict[str, object] = {
        "$tenant": world.site.people.acme.id,
        "$user": world.site.people.mallory.id,
        "$workflow": world.rows["workflows/workflow"],
        "$interval": world.rows["django_celery_beat/intervalschedule"],
    }
    own = {
        name: str(stand_ins.get(str(value), value))
        for name, value in ACTS.get(route.pattern, {"post": "yes"}).items()
    }
    shown = given(client, path) if path.endswith(("/add/", "/change/")) else {}
    if own.get("action"):
        own["_selected_action"] = str(world.rows["django_celery_beat/periodictask"])
    return {**shown, **own}


# It takes longer than Postgres lets this test's transaction idle. That nothing of it stays:
# tests/config/test_proof.py.
TRIES_ONLY = {"admin/isolation/"}


def test_everything_that_staff_change_is_told(world: World) -> None:
    deeds = []
    for route in (route for route in ADMIN if route.pattern not in TRIES_ONLY):
        client = session(world.site.people.staff)  # anew: one of the acts is to log in anew
        path = world.path(route)
        body = sent(world, client, route, path)
        deeds.append(done(world, "POST", route.pattern, partial(client.post, path, body)))
    assert untold(deeds) == []
    idle = set(ACTS) - {one.pattern for one in deeds if one.changed}
    assert idle == set(), "what was tried here did nothing, so nothing was proved"


LISTS = [
    ("tenants", "secret"),
    ("tenants", "variable"),
    ("tenants", "membership"),
    ("workflows", "schedule"),
    ("webhooks", "endpoint"),
    ("auth", "group"),
    ("django_celery_beat", "periodictask"),
]


@pytest.mark.parametrize(("app", "model"), LISTS)
def test_what_staff_delete_in_a_list_is_told(world: World, app: str, model: str) -> None:
    client = session(world.site.people.staff)
    body = {
        "action": "delete_selected",
        "_selected_action": str(world.rows[f"{app}/{model}"]),
        "post": "yes",
    }
    deed = done(world, "POST", model, lambda: client.post(f"/admin/{app}/{model}/", body))
    assert deed.changed
    assert deed.told


@pytest.mark.parametrize("part", ["executions/execution", "webhooks/delivery"])
def test_staff_who_open_a_tenants_data_are_told_of(world: World, part: str) -> None:
    client = session(world.site.people.staff)
    run = world.runs["cancel"][0].id
    ident = world.rows.get(part, run)
    with scope.operator("a test counts"):
        before = AuditEntry.objects.count()
    assert client.get(f"/admin/{part}/{ident}/change/").status_code == 200
    with scope.operator("a test looks"):
        entry = AuditEntry.objects.order_by("-seq")[0]
        assert AuditEntry.objects.count() == before + 1
    assert (entry.action, entry.actor_kind) == ("staff.viewed", "staff")
    assert (entry.target_id, entry.tenant_id) == (str(ident), world.site.people.acme.id)
