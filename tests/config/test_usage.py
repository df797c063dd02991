"""What a tenant uses, on its page, over the API, and how it is estimated."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from config import storage
from tenants import limiter, limits, scope
from tenants.gcra import Rate
from tenants.models import Membership, Tenant, TenantUsage
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Caller:
    limiter.limiter.cache_clear()
    return owner_of("acme")


def tenant_of(caller: Caller) -> Tenant:
    with scope.tenant(caller.tenant_id):
        return Tenant.objects.get()


def test_the_api_says_what_is_used_and_left(acme: Caller, settings: LazySettings) -> None:
    settings.RATE_REQUESTS, settings.RATE_WRITES = Rate(10, 3600), Rate(5, 3600)
    settings.RATE_WEBHOOKS = None
    factories.start_execution(factories.make_workflow(tenant_of(acme)))
    body = acme.get("usage/").json()
    assert body["rates"] == [
        {"name": "requests", "limit": "10/h", "remaining": 9, "reset": 360},
        {"name": "writes", "limit": "5/h", "remaining": 5, "reset": 0},
    ]
    assert body["webhooks"] is None
    used = {one["name"]: one["used"] for one in body["quotas"]}
    assert used == {
        "running_executions": 0,
        "workflows": 1,
        "endpoints": 0,
        "schedules": 0,
        "secrets": 0,
        "members": 1,
        "stored_bytes": 0,
    }
    assert {one["name"]: one["limit"] for one in body["quotas"]}["workflows"] == 500
    assert body["measured_at"] is None


def test_another_tenant_s_things_are_not_counted(acme: Caller) -> None:
    factories.make_workflow(factories.make_tenant())
    quotas = acme.get("usage/").json()["quotas"]
    assert {one["name"]: one["used"] for one in quotas}["workflows"] == 0


def test_a_limit_that_there_is_not_is_null(acme: Caller, settings: LazySettings) -> None:
    settings.MAX_TENANT_SECRETS = 0
    limits.forget(acme.tenant_id)
    quotas = acme.get("usage/").json()["quotas"]
    assert {one["name"]: one["limit"] for one in quotas}["secrets"] is None


def test_every_member_sees_the_page_with_bars_that_need_no_script(
    acme: Caller, settings: LazySettings
) -> None:
    settings.RATE_REQUESTS = Rate(10, 3600)
    tenant = tenant_of(acme)
    storage.measure()
    browser = Client()
    browser.force_login(factories.make_member(tenant, Role.VIEWER))
    html = browser.get("/t/acme/usage/").content.decode()
    assert '<meter min="0" max="500" high="400.0" value="0">0 of 500</meter>' in html
    assert "API requests" in html
    assert "estimated" in html
    assert "style=" not in html.split("<main")[1]


# --- What is stored ------------------------------------------------------------------------------


def test_every_tenant_is_told_its_own_bytes(acme: Caller) -> None:
    globex = factories.make_tenant("globex")
    for number in range(20):
        factories.make_variable(globex, f"v{number}", "x" * 1500)
    call_command("retain")
    with scope.operator("a test looks"):
        stored = dict(TenantUsage.objects.values_list("tenant__slug", "stored_bytes"))
    assert 0 < stored["acme"] < 2_000
    assert stored["globex"] > stored["acme"]


def test_an_estimate_replaces_the_one_before(acme: Caller) -> None:
    storage.measure()
    with scope.tenant(acme.tenant_id):
        before = TenantUsage.objects.get()
        Membership.objects.all().delete()
    storage.measure()
    with scope.tenant(acme.tenant_id):
        after = TenantUsage.objects.get()
    assert after.id == before.id
    assert after.stored_bytes != before.stored_bytes


def test_of_a_large_table_a_part_is_read(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    globex = factories.make_tenant("globex")
    for number in range(400):
        factories.make_variable(globex, f"v{number}", [number] * 300)
    whole = storage.measure()[globex.id]
    monkeypatch.setattr(storage, "SAMPLE_PAGES", 20)
    part = storage.measure()[globex.id]
    assert whole / 3 < part < whole * 3
