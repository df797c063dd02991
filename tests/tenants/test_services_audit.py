"""What is recorded, with what, and together with which change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client

from tenants import actors, scope, services
from tenants.actions import Action
from tenants.actors import Actor
from tenants.models import (
    AuditEntry,
    AuditHead,
    PlatformAuditEntry,
    Tenant,
    User,
    Variable,
)
from tenants.scope import ScopeError
from tenants.services import audit
from tenants.services.audit import Target
from tests import factories
from tests.executions.driving import in_threads

THING = Target("thing", "1", "the thing")
ANN = Actor("user", uuid4(), "ann@acme.example", "page", "192.0.2.1", "Firefox", "a" * 32)


@pytest.fixture
def acme(db: None) -> Tenant:
    return factories.make_tenant("acme")


def entries(tenant: Tenant) -> list[AuditEntry]:
    with scope.tenant(tenant.id):
        return list(AuditEntry.objects.order_by("seq"))


def recorded(tenant: Tenant, **given: Any) -> AuditEntry:
    with scope.tenant(tenant.id), actors.acting(ANN):
        audit.record(Action.VARIABLE_WRITTEN, THING, **given)
    return entries(tenant)[-1]


def test_an_entry_says_who_from_where_and_what(acme: Tenant) -> None:
    entry = recorded(acme, before={"value": 1}, after={"value": 2})
    assert (entry.seq, entry.action) == (1, "variable.written")
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("user", ANN.id, ANN.label)
    assert (entry.door, entry.ip, entry.agent) == ("page", ANN.ip, ANN.agent)
    assert entry.request_id == ANN.request_id
    assert (entry.target_type, entry.target_id, entry.target_label) == ("thing", "1", "the thing")
    assert (entry.before, entry.after) == ('{"value":1}', '{"value":2}')


def test_where_no_door_says_otherwise_it_is_the_process(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        audit.record(Action.VARIABLE_WRITTEN, THING)
    [entry] = entries(acme)
    assert (entry.actor_kind, entry.actor_id, entry.door) == ("system", None, "command")
    assert "@" in entry.actor_label


def test_only_what_differs_is_kept(acme: Tenant) -> None:
    entry = recorded(acme, before={"a": 1, "b": 2}, after={"a": 1, "b": 3, "c": 4})
    assert entry.changes == [("b", 2, 3), ("c", None, 4)]


def test_where_nothing_differs_nothing_is_told(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        audit.record(Action.VARIABLE_WRITTEN, THING, before={"a": 1}, after={"a": 1})
    assert entries(acme) == []


# --- Together with the change ------------------------------------------------------------------


def test_what_is_undone_is_not_told(acme: Tenant) -> None:
    def act() -> None:
        with scope.tenant(acme.id):
            audit.record(Action.VARIABLE_WRITTEN, THING)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    assert entries(acme) == []


def test_what_a_savepoint_undoes_is_not_told_and_the_rest_is(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        audit.record(Action.VARIABLE_WRITTEN, THING, after={"n": 1})
        with transaction.atomic():
            audit.record(Action.VARIABLE_WRITTEN, THING, after={"n": 2})
            transaction.set_rollback(True)
        audit.record(Action.VARIABLE_WRITTEN, THING, after={"n": 3})
    assert [row.after for row in entries(acme)] == ['{"n":1}', '{"n":3}']


def test_a_scope_inside_another_is_told_once_at_the_end(acme: Tenant) -> None:
    with scope.operator("a test"):
        with scope.tenant(acme.id):
            audit.record(Action.VARIABLE_WRITTEN, THING)
        assert not AuditEntry.objects.exists()
    assert len(entries(acme)) == 1


def test_the_change_is_undone_if_it_cannot_be_told(acme: Tenant) -> None:
    def act() -> None:
        with transaction.atomic(), scope.tenant(acme.id):
            services.put_variable(tenant_id=acme.id, name="region", value="eu")
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = nowhere")

    with pytest.raises(ProgrammingError):
        act()
    with scope.tenant(acme.id):
        assert not Variable.objects.exists()


def test_outside_a_scope_nothing_can_be_told(acme: Tenant) -> None:
    with pytest.raises(ScopeError):
        audit.record(Action.VARIABLE_WRITTEN, acme)
    with pytest.raises(ScopeError), scope.operator("no tenant"):
        audit.record(Action.VARIABLE_WRITTEN, THING)


def test_each_tenant_has_a_chain_of_its_own_and_the_deployment_too(acme: Tenant) -> None:
    globex = factories.make_tenant("globex")
    with scope.operator("a test"):
        for tenant in (globex, acme, globex):
            audit.record(Action.TENANT_CHANGED, tenant)
        audit.record_platform(Action.ROW_CHANGED, THING)
    assert [len(entries(tenant)) for tenant in (acme, globex)] == [1, 2]
    with scope.operator("a test"):
        assert PlatformAuditEntry.objects.count() == 1
    assert [(one.tenant, one.head.seq, one.flaw) for one in services.verify()] == [
        ("acme", 1, None),
        ("globex", 2, None),
        ("(deployment)", 1, None),
    ]


# --- Nobody changes it -------------------------------------------------------------------------


CHANGES: list[Callable[[], object]] = [
    lambda: AuditEntry.objects.update(action="x"),
    lambda: AuditEntry.objects.all().delete(),
    lambda: AuditHead.objects.all().delete(),
]


@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "head"])
@pytest.mark.parametrize("as_operator", [False, True])
def test_the_application_can_change_and_delete_nothing(
    acme: Tenant, change: Callable[[], object], as_operator: bool
) -> None:
    recorded(acme)
    opened = scope.operator("a test") if as_operator else scope.tenant(acme.id)
    with pytest.raises(ProgrammingError, match="permission denied"), opened:
        change()


def test_in_a_tenants_scope_the_deployments_chain_cannot_be_read(acme: Tenant) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scope.tenant(acme.id):
        PlatformAuditEntry.objects.count()


def test_in_a_tenants_scope_it_can_be_added_to(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        audit.record_platform(Action.ROW_CHANGED, THING)
    with scope.operator("a test"):
        assert PlatformAuditEntry.objects.count() == 1


def test_a_tenant_is_not_deleted_from_under_its_trail(acme: Tenant) -> None:
    recorded(acme)
    with pytest.raises(ProtectedError), scope.operator("a test"):
        acme.delete()


# --- Many at once ------------------------------------------------------------------------------


def test_many_at_once_make_one_chain_and_nobody_waits_for_ever(committed_db: None) -> None:
    """Each writes to both tenants and to rows that others write, in different orders."""
    acme, globex = factories.make_tenant("acme"), factories.make_tenant("globex")

    def act(number: int) -> None:
        for round_ in range(5):
            order = (acme, globex) if (number + round_) % 2 else (globex, acme)
            with scope.operator("a test"):
                for tenant in order:
                    audit.record(Action.TENANT_CHANGED, tenant, after={"n": number})
                audit.record_platform(Action.ROW_CHANGED, THING)

    in_threads(4, act)
    assert [(one.head.seq, one.flaw) for one in services.verify()] == [(20, None)] * 3


def test_who_tells_first_does_not_hold_up_who_locks_a_row_first(committed_db: None) -> None:
    """The head is locked at the end, so that the order of other locks is the work's own."""
    acme = factories.make_tenant("acme")
    for name in "ab":
        factories.make_variable(acme, name, 0)

    def act(number: int) -> None:
        for _ in range(10):
            with scope.tenant(acme.id):
                audit.record(Action.VARIABLE_WRITTEN, THING)
                for name in "ab":
                    row = Variable.objects.select_for_update().get(name=name)
                    audit.record(Action.VARIABLE_WRITTEN, row)

    in_threads(3, act)
    assert [(one.head.seq, one.flaw) for one in services.verify("acme")] == [(90, None)]


# --- Staff come and go -------------------------------------------------------------------------


def test_that_staff_log_in_is_told_and_of_members_it_is_not(db: None) -> None:
    people = factories.make_people()
    for user in (people.staff, people.alice):
        client = Client()
        client.post("/login/", {"login": user.email, "password": factories.PASSWORD})
        client.post("/logout/")
    with scope.operator("a test"):
        rows = PlatformAuditEntry.objects.order_by("seq")
        told = [(row.action, row.actor_label, row.actor_kind, row.ip) for row in rows]
    staff = User.objects.get(is_staff=True).email
    assert told == [
        (action, staff, "staff", "127.0.0.1") for action in ("staff.logged_in", "staff.logged_out")
    ]
