"""Whatever changes a row, by whatever door, leaves an entry in a chain.

Every route is called with every method that could change something, as its owner or as staff. What
was changed is read from the tables themselves, so a route cannot be forgotten by its author.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from psycopg import sql

from executions import services as executions
from executions.models import Execution
from tenants import scope
from tenants.models import ApiKey, AuditEntry, Membership, PlatformAuditEntry, Secret, Variable
from tests import factories, routes
from tests.callers import PASSWORD
from tests.executions import standing
from tests.routes import Route
from tests.test_routes import ADMIN, API, PAGES, SENTINEL, Site, ask, key_of, make_site, session
from tests.webhooks import senders
from tests.workflows.definitions import document, step
from workflows import schedules
from workflows import services as workflows
from workflows.models import WorkflowVersion

CHANGING = ("POST", "PUT", "PATCH", "DELETE")

# What changes rows and is not audited, each with the reason.
UNAUDITED = {
    ("POST", "api/v1/workflows/<slug:slug>/run/"): "traffic: the run's own history names the key",
}
# What is not there to change anything.
CHANGES_NOTHING = {
    ("POST", "api/v1/workflows/validate/"),
    ("POST", "api/v1/schedules/preview/"),
}
# Kept by Django's own machinery, or the trail itself.
NOT_LOOKED_AT = {
    "django_migrations",
    "django_session",
    "tenants_auditentry",
    "tenants_audithead",
    "tenants_platformauditentry",
    "tenants_platformaudithead",
}


@dataclass(frozen=True)
class World:
    """A site in which every verb has something to be done to."""

    site: Site
    runs: Mapping[str, tuple[Execution, str]]  # by verb: a run, and its step
    paused: object  # a schedule's id
    rows: Mapping[str, object]  # by a model's part of an admin's address: an id
    trail: Callable[[], int]

    def path(self, route: Route) -> str:
        known = dict(self._named(route.pattern))
        path = self.site.path(route)
        if not known:
            return path
        filled: dict[str, object] = {"tenant_slug": "acme", "slug": SENTINEL, "number": 1}
        return route.path({**filled, **known})

    def _named(self, pattern: str) -> dict[str, object]:
        if pattern.startswith(routes.ADMIN):
            part = "/".join(pattern.split("/")[1:3])
            ident = self.rows.get(part, "7")
            if pattern.startswith("admin/executions/execution/"):
                ident = self._run(pattern)[0].id
            if pattern.endswith("/resume/") and "schedule" in pattern:
                ident = self.paused
            others = {"app_label": "tenants", "url": "x/", "content_type_id": 1}
            return {"object_id": ident, "id": ident, **others}
        if "schedules/<uuid:id>/resume/" in pattern:
            return {"id": self.paused}
        if "executions/<uuid" in pattern:
            run, key = self._run(pattern)
            return {"id": run.id, "execution_id": run.id, "key": key}
        return {}

    def _run(self, pattern: str) -> tuple[Execution, str]:
        return self.runs.get(pattern.rstrip("/").rpartition("/")[2], self.runs["cancel"])


@pytest.fixture
def world(db: None) -> World:
    site = make_site()
    acme = site.people.acme
    failed, waits, unknown = (
        standing.failed(acme, slug="fails"),
        standing.approval(acme),
        standing.unknown(acme),
    )
    with scope.tenant(acme.id):
        workflow = workflows.find(slug=SENTINEL)
        draft = document(step("only"), step("more"))
        workflows.save_draft(workflow=workflow, definition=draft, expected_revision=None)
        version = WorkflowVersion.objects.get(workflow=workflow)
        workflow.refresh_from_db()
    paused = factories.make_schedule(workflow, name="paused")
    schedules.change(tenant_id=acme.id, schedule_id=paused.id, values={"paused": True})
    factories.make_key(acme)
    executions.register("host:1")
    clock = IntervalSchedule.objects.create(every=5, period="seconds")
    task = PeriodicTask.objects.create(name="a chore", task="config.retain", interval=clock)
    with scope.tenant(acme.id):
        rows: dict[str, object] = {
            "tenants/tenant": acme.id,
            "tenants/user": site.people.vera.id,
            "tenants/apikey": ApiKey.objects.order_by("id")[0].id,
            "tenants/secret": Secret.objects.get().id,
            "tenants/variable": Variable.objects.get().id,
            "tenants/membership": Membership.objects.get(user=site.people.vera).id,
            "tenants/auditentry": AuditEntry.objects.all()[0].id,
            "workflows/workflowversion": version.id,
            "auth/group": Group.objects.create(name="clerks").pk,
            "django_celery_beat/periodictask": task.pk,
            "django_celery_beat/intervalschedule": clock.pk,
            "django_celery_beat/crontabschedule": CrontabSchedule.objects.create().pk,
        }
    for part, key in {
        "workflows/workflow": "admin/workflows/",
        "workflows/schedule": "admin/workflows/schedule/",
        "webhooks/delivery": "admin/webhooks/delivery/",
    }.items():
        rows[part] = site.values[key]["id"]

    rows["webhooks/endpoint"] = senders.make_address(workflow=workflow).endpoint_id  # never used

    def trail() -> int:
        with scope.operator("a test counts"):
            return AuditEntry.objects.count() + PlatformAuditEntry.objects.count()

    runs = {
        "cancel": (waits, "ask"),
        "resume": (failed, "ship"),
        "replay": (failed, "ship"),
        "resolve": (unknown, "pay"),
        "decide": (waits, "ask"),
    }
    return World(site, runs, paused.id, rows, trail)


# --- What a request did ------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    method: str
    pattern: str
    status: int
    changed: frozenset[str]  # tables
    told: int  # entries

    @property
    def name(self) -> tuple[str, str]:
        return self.method, self.pattern

    @property
    def is_untold(self) -> bool:
        return bool(self.changed) and not self.told and self.name not in UNAUDITED


def done(world: World, method: str, pattern: str, act: Callable[[], Any]) -> Deed:
    """What a request changed; then it is undone."""
    before, entries = tables(), world.trail()
    with transaction.atomic():
        answer = act()
        after, told = tables(), world.trail() - entries
        transaction.set_rollback(True)
    changed = {name for name in before if before[name] != after[name]}
    return Deed(method, pattern, answer.status_code, frozenset(changed), told)


def tables() -> dict[str, str]:
    """Every table's content in short."""
    names = set(connection.introspection.table_names()) - NOT_LOOKED_AT
    queries = [
        sql.SQL(
            "SELECT {}, md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {} t"
        ).format(sql.Literal(name), sql.Identifier(name))
        for name in sorted(names)
    ]
    with scope.operator("a test looks at everything"), connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(queries))
        return dict(cursor.fetchall())


def untold(deeds: list[Deed]) -> list[str]:
    return [
        f"{one.method} {one.pattern}: {one.status}, changed {sorted(one.changed)}"
        for one in deeds
        if one.is_untold
    ]


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


def test_registering_is_told_in_the_new_tenants_chain(db: None) -> None:
    body = {"tenant": "New", "email": "new@x.example", "password": PASSWORD}
    assert ask(Client(), "POST", "/api/v1/register/", body).status_code == 201
    with scope.operator("a test looks"):
        rows = list(AuditEntry.objects.order_by("seq").values_list("action", "actor_label"))
    actions = ("tenant.registered", "member.added", "api_key.issued")
    assert rows == [(action, "new@x.example") for action in actions]


# --- Pages -------------------------------------------------------------------------------------

RUN = "t/<slug:tenant_slug>/executions/<uuid:execution_id>/"
FORMS: Mapping[str, Mapping[str, str]] = {
    "t/<slug:tenant_slug>/workflows/<slug:slug>/run/": {"body": "{}"},
    "t/<slug:tenant_slug>/executions/bulk/": {"action": "replay"},
    f"{RUN}cancel/": {},
    f"{RUN}resume/": {"version": "same", "step": ""},
    f"{RUN}replay/": {"version": "same"},
    f"{RUN}steps/<slug:key>/resolve/": {"action": "fail", "output": ""},
    f"{RUN}steps/<slug:key>/decide/": {"decision": "rejected", "comment": ""},
}


@pytest.mark.filterwarnings("ignore:No directory at")
def test_every_page_that_changes_something_is_told(world: World) -> None:
    client = session(world.site.people.alice)
    deeds = []
    for route in PAGES:
        path, form = world.path(route), FORMS.get(route.pattern, {})
        deeds.append(done(world, "POST", route.pattern, partial(client.post, path, form)))
    assert untold(deeds) == []
    assert {one.pattern for one in deeds if one.changed} == set(FORMS)


# --- The admin ---------------------------------------------------------------------------------


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
            values[field.html_name] = field.field.prepare_value(field.value())
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
    "admin/tenants/user/<path:object_id>/delete/": {"post": "yes"},
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
    "admin/workflows/workflowversion/<path:object_id>/restore/": {},
    "admin/workflows/workflow/<path:object_id>/publish/": {"revision": "2", "note": ""},
    "admin/workflows/workflow/<path:object_id>/archive/": {},
    "admin/workflows/workflow/add/": {"tenant": "$tenant", "name": "Fresh", "slug": ""},
    "admin/workflows/workflow/<path:object_id>/change/": {"name": "Renamed"},
    "admin/executions/execution/<path:object_id>/cancel/": {},
    "admin/executions/execution/<path:object_id>/resume/": {"version": "same", "step": ""},
    "admin/executions/execution/<path:object_id>/replay/": {"version": "same"},
    "admin/webhooks/endpoint/<path:object_id>/rotate/": {},
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


@pytest.mark.filterwarnings("ignore:No directory at")
def test_everything_that_staff_change_is_told(world: World) -> None:
    deeds = []
    for route in ADMIN:
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
    ("tenants", "user"),
    ("workflows", "schedule"),
    ("webhooks", "endpoint"),
    ("auth", "group"),
    ("django_celery_beat", "periodictask"),
]


@pytest.mark.filterwarnings("ignore:No directory at")
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
