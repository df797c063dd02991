"""How much a tenant may have: every kind, at every place where one is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenants import limits, scope, services
from tenants.limits import Quota
from tenants.models import Membership, Secret, Tenant, TenantLimits, TenantUsage
from tenants.problems import Problem
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions.driving import drained

PLACES: dict[Quota, tuple[str, Callable[[int], dict[str, Any]]]] = {
    Quota.WORKFLOWS: ("workflows/", lambda number: {"name": f"New {number}", "definition": {}}),
    Quota.ENDPOINTS: ("endpoints/", lambda number: {"workflow": "only"}),
    Quota.SCHEDULES: (
        "schedules/",
        lambda number: {"workflow": "only", "name": f"n{number}", "cron": "0 9 * * *"},
    ),
    Quota.SECRETS: ("secrets/", lambda number: {"name": f"s{number}", "value": "open sesame"}),
}


@dataclass(frozen=True)
class Site:
    owner: Caller
    tenant: Tenant

    def may(self, **own: object) -> None:
        """Give the tenant limits of its own, known at once."""
        with scope.tenant(self.tenant.id):
            TenantLimits.objects.update_or_create(tenant=self.tenant, defaults=own)
        limits.forget(self.tenant.id)

    def has_stored(self, size: int) -> None:
        with scope.tenant(self.tenant.id):
            TenantUsage.objects.create(
                tenant=self.tenant, stored_bytes=size, measured_at=timezone.now()
            )
        limits.forget(self.tenant.id)


@pytest.fixture
def site(db: None) -> Site:
    owner = owner_of("acme")
    with scope.tenant(owner.tenant_id):
        tenant = Tenant.objects.get()
    factories.make_workflow(tenant, slug="only")
    return Site(owner, tenant)


@pytest.mark.parametrize("quota", PLACES)
def test_the_one_too_many_is_refused_with_limit_and_use(site: Site, quota: Quota) -> None:
    path, body = PLACES[quota]
    most = 3 if quota is Quota.WORKFLOWS else 2  # one is there
    site.may(**{quota: most})
    answers = [site.owner.post(path, body(number)) for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409], answers[0].content
    problem = answers[-1].json()
    assert problem["type"] == "urn:stepwell:problem:quota"
    assert f" has {most} " in problem["detail"]
    assert f" may have {most}." in problem["detail"]
    assert problem["errors"][0]["code"] == quota.value


@pytest.mark.parametrize("quota", PLACES)
def test_another_tenant_s_rows_do_not_count(site: Site, quota: Quota) -> None:
    path, body = PLACES[quota]
    for _ in range(2):
        factories.make_secret(factories.make_tenant(), "theirs", "open sesame")
        factories.make_schedule(factories.make_workflow(factories.make_tenant()))
    site.may(**{quota: 2})
    assert site.owner.post(path, body(0)).status_code == 201


def test_a_secret_that_is_there_gets_a_new_value_at_the_limit(site: Site) -> None:
    site.may(secrets=1)
    new = {"value": "open sesame"}
    assert site.owner.put("secrets/a/", new).status_code == 201
    assert site.owner.put("secrets/a/", new).status_code == 200
    assert site.owner.put("secrets/b/", new).status_code == 409


def test_what_is_archived_or_deleted_makes_room(site: Site) -> None:
    site.may(workflows=1)
    assert site.owner.post("workflows/", {"name": "New", "definition": {}}).status_code == 409
    assert site.owner.delete("workflows/only/").status_code == 204
    assert site.owner.post("workflows/", {"name": "New", "definition": {}}).status_code == 201


def test_the_deployment_s_limit_is_for_tenants_without_their_own(
    site: Site, settings: LazySettings
) -> None:
    settings.MAX_TENANT_SECRETS = 1
    limits.forget(site.tenant.id)
    codes = [site.owner.put(f"secrets/{n}/", {"value": "open sesame"}).status_code for n in "ab"]
    assert codes == [201, 409]
    site.may(secrets=0)
    assert site.owner.put("secrets/b/", {"value": "open sesame"}).status_code == 201


@pytest.mark.usefixtures("committed_db")
def test_of_many_at_once_only_as_many_as_fit_are_made() -> None:
    tenant = factories.make_tenant()
    with scope.tenant(tenant.id):
        TenantLimits.objects.create(tenant=tenant, secrets=3)
    refused: list[str] = []
    start = threading.Barrier(6)

    def make(name: str) -> None:
        start.wait()
        try:
            factories.make_secret(tenant, name, "open sesame")
        except Problem as problem:
            refused.append(problem.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=[name]) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with scope.tenant(tenant.id):
        assert Secret.objects.count() == 3
    assert refused == ["quota"] * 3


# --- Staff ---------------------------------------------------------------------------------------


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(factories.make_people().staff)
    return client


def test_staff_are_told_that_a_tenant_may_have_no_more_members(
    staff: Client, settings: LazySettings
) -> None:
    with scope.operator("a test looks"):
        acme = Tenant.objects.get(slug="acme")  # has four
        mallory = Membership.objects.get(user__email="mallory@globex.example").user
    settings.MAX_TENANT_MEMBERS = 4
    limits.forget(acme.id)
    values = {"tenant": acme.pk, "user": mallory.pk, "role": "viewer"}
    told = staff.post("/admin/tenants/membership/add/", values, follow=True)
    assert b"This tenant has 4 members and may have 4." in told.content
    with scope.tenant(acme.id):
        assert Membership.objects.count() == 4


def test_staff_give_limits_and_nonsense_is_refused(staff: Client) -> None:
    with scope.operator("a test looks"):
        acme = Tenant.objects.get(slug="acme")
    values = {"tenant": acme.pk, "requests": "often"}
    refused = staff.post("/admin/tenants/tenantlimits/add/", values)
    assert b"is no rate. Give e.g. 100/min" in refused.content
    added = staff.post("/admin/tenants/tenantlimits/add/", {**values, "requests": "7/s"})
    assert added.status_code == 302
    assert str(limits.of(acme.id).requests) == "7/s"


# --- What is stored ------------------------------------------------------------------------------


def test_a_tenant_that_is_full_begins_no_runs_and_those_that_run_go_on(site: Site) -> None:
    running = factories.start_execution(factories.make_workflow(site.tenant))
    site.may(stored_bytes=1000)
    site.has_stored(1000)
    refused = site.owner.post("workflows/only/run/", {"input": {}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (507, "stored_bytes")
    assert "has stored 1,000 bytes and may store 1,000" in refused.json()["detail"]
    assert drained(running).status == "succeeded"
    site.may(stored_bytes=1001)
    assert site.owner.post("workflows/only/run/", {"input": {}}).status_code in {201, 202}


def test_without_a_limit_nothing_is_full(site: Site) -> None:
    site.may(stored_bytes=0)
    site.has_stored(10**15)
    services.check_storage(site.tenant.id)
