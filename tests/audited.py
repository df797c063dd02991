"""A site where every verb has something to be done to, and what a request did to which tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from psycopg import sql

from executions import services as executions
from executions.models import Execution
from tenants import scope
from tenants.models import (
    ApiKey,
    AuditEntry,
    Invitation,
    Membership,
    PlatformAuditEntry,
    Secret,
    Variable,
)
from tests import factories, routes
from tests.executions import standing
from tests.routes import Route
from tests.site import SENTINEL, Site, make_site
from tests.webhooks import senders
from tests.workflows.definitions import document, step
from webhooks import services as webhooks
from workflows import pausing, schedules
from workflows import services as workflows
from workflows.models import Workflow, WorkflowVersion

# What changes rows and is not audited, each with the reason.
UNAUDITED = {
    ("POST", "api/v1/workflows/<slug:slug>/run/"): "traffic: the run's own history names the key",
    ("POST", "api/v1/workflows/<slug:slug>/draft/run/"): "traffic, as above",
}
# Kept by Django's own machinery, or the trail itself.
NOT_LOOKED_AT = {
    "django_migrations",
    "django_session",
    "tenants_auditentry",
    "tenants_audithead",
    "tenants_platformauditentry",
    "tenants_platformaudithead",
    "usersessions_usersession",  # when a session was last seen
}


@dataclass(frozen=True)
class World:
    """A site in which every verb has something to be done to."""

    site: Site
    runs: Mapping[str, tuple[Execution, str]]  # by verb: a run, and its step
    paused: object  # a schedule's id
    paused_workflow: Workflow
    rows: Mapping[str, object]  # by a model's part of an admin's address: an id

    def trail(self) -> int:
        """How many entries there are in all chains."""
        with scope.operator("a test counts"):
            return AuditEntry.objects.count() + PlatformAuditEntry.objects.count()

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
            if pattern.endswith("workflow/<path:object_id>/resume/"):
                ident = self.paused_workflow.id
            others: dict[str, object] = {"app_label": "tenants", "url": "x/", "content_type_id": 1}
            known = {
                "object_id": ident,
                "id": ident,
                "workflow_id": self.rows["workflows/workflow"],
            }
            return {**known, **others}
        if pattern.endswith("workflows/<slug:slug>/resume/"):
            return {"slug": self.paused_workflow.slug}
        if "schedules/<uuid:id>/resume/" in pattern:
            return {"id": self.paused}
        if "executions/<uuid" in pattern:
            run, key = self._run(pattern)
            return {"id": run.id, "execution_id": run.id, "key": key}
        return {}

    def _run(self, pattern: str) -> tuple[Execution, str]:
        return self.runs.get(pattern.rstrip("/").rpartition("/")[2], self.runs["cancel"])


def make_world() -> World:
    """acme has a draft that differs; runs that failed, wait, are not known; a paused schedule."""
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
        workflow.refresh_from_db()
    paused = factories.make_schedule(workflow, name="paused")
    schedules.change(tenant_id=acme.id, schedule_id=paused.id, values={"paused": True})
    factories.make_key(acme)
    executions.register("host:1")
    held = factories.make_workflow(acme, document(step("only")), slug="held")
    with scope.tenant(acme.id):
        pausing.pause(workflow=held)
    _store(workflow)
    runs = {
        "cancel": (waits, "ask"),
        "resume": (failed, "ship"),
        "replay": (failed, "ship"),
        "resolve": (unknown, "pay"),
        "decide": (waits, "ask"),
    }
    rows = {**_rows(site, workflow), **_platform_rows()}
    return World(site, runs, paused.id, held, rows)


def _store(workflow: Workflow) -> None:
    """A webhook that came in while the workflow was paused, and waits to be run."""
    address = senders.make_address(workflow=workflow)
    with scope.tenant(workflow.tenant_id):
        pausing.pause(workflow=workflow)
    senders.deliver(address, senders.standard(address, delivery_id="msg_held"))
    with scope.tenant(workflow.tenant_id):
        pausing.resume(workflow=workflow)


def _rows(site: Site, workflow: Workflow) -> dict[str, object]:
    """acme's rows, by their models' part of an admin's address."""
    vera, known = site.people.vera, site.values
    with scope.tenant(site.people.acme.id):
        return {
            "tenants/tenant": site.people.acme.id,
            "tenants/user": vera.id,
            "tenants/apikey": ApiKey.objects.order_by("id")[0].id,
            "tenants/secret": Secret.objects.get().id,
            "tenants/variable": Variable.objects.get().id,
            "tenants/invitation": Invitation.objects.get().id,
            "tenants/membership": Membership.objects.get(user=vera).id,
            "tenants/auditentry": AuditEntry.objects.all()[0].id,
            "workflows/workflow": workflow.id,
            "workflows/workflowversion": WorkflowVersion.objects.get(workflow=workflow).id,
            "workflows/schedule": known["admin/workflows/schedule/"]["id"],
            "workflows/subscription": known["admin/workflows/subscription/"]["id"],
            "webhooks/delivery": known["admin/webhooks/delivery/"]["id"],
            "webhooks/trialaddress": known["admin/webhooks/trialaddress/"]["id"],
            "webhooks/endpoint": _unused_endpoint(workflow),
        }


def _unused_endpoint(workflow: Workflow) -> object:
    """Staff may delete no deliveries, so no endpoint that has some."""
    return webhooks.create(workflow=workflow).endpoint.id


def _platform_rows() -> dict[str, object]:
    clock = IntervalSchedule.objects.create(every=5, period="seconds")
    task = PeriodicTask.objects.create(name="a chore", task="config.retain", interval=clock)
    return {
        "auth/group": Group.objects.create(name="clerks").pk,
        "django_celery_beat/periodictask": task.pk,
        "django_celery_beat/intervalschedule": clock.pk,
        "django_celery_beat/crontabschedule": CrontabSchedule.objects.create().pk,
    }


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
    """Every table's content in short, but for when something was last used."""
    row = sql.SQL("(to_jsonb(t) - 'last_used_at')::text")
    names = set(connection.introspection.table_names()) - NOT_LOOKED_AT
    queries = [
        sql.SQL(
            "SELECT {}, md5(coalesce(string_agg({row}, ' ' ORDER BY {row}), '')) FROM {} t"
        ).format(sql.Literal(name), sql.Identifier(name), row=row)
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
