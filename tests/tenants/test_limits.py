"""Rate limits as callers of the API and people meet them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from tenants import limiter, limits, scope
from tenants.gcra import Rate
from tenants.models import Tenant, TenantLimits
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of
from tests.tenants import registering

pytestmark = pytest.mark.django_db

SLOW = 3600  # seconds: nothing comes back while a test runs


@pytest.fixture(autouse=True)
def fresh_limiter() -> Iterator[None]:
    """Of the Redis that the test's settings name, and with nothing known of any tenant."""
    limiter.limiter.cache_clear()
    yield
    limiter.limiter.cache_clear()


@pytest.fixture
def slow(settings: LazySettings) -> LazySettings:
    settings.RATE_REQUESTS = Rate(4, SLOW)
    settings.RATE_WRITES = Rate(2, SLOW)
    settings.RATE_REGISTRATIONS = Rate(2, SLOW)
    return settings


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


def write(caller: Caller, name: str = "x") -> Any:
    return caller.put(f"variables/{name}/", {"value": 1})


def give(tenant: Tenant, **own: object) -> None:
    """The tenant's own limits, known at once."""
    with scope.tenant(tenant.id):
        TenantLimits.objects.update_or_create(tenant=tenant, defaults=own)
    limits.forget(tenant.id)


# --- The API -------------------------------------------------------------------------------------


def test_the_request_after_the_last_is_refused_with_what_and_when(
    slow: LazySettings, acme: Caller
) -> None:
    assert [acme.get("variables/").status_code for _ in range(5)] == [200] * 4 + [429]
    refused = acme.get("variables/")
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:stepwell:problem:rate-limited"
    assert "limit of requests (4/h)" in refused.json()["detail"]
    assert refused.json()["errors"] == [{"code": "requests", "message": "At most 4/h."}]
    assert 880 < int(refused["Retry-After"]) <= 900  # an hour has four


def test_every_answer_says_what_is_left(slow: LazySettings, acme: Caller) -> None:
    answer = acme.get("variables/")
    assert answer["RateLimit-Policy"] == '"requests";q=4;w=3600'
    assert answer["RateLimit"] == '"requests";r=3;t=900'
    assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("4", "3")
    assert answer["RateLimit-Reset"] == "900"
    assert "Retry-After" not in answer


def test_an_answer_that_refuses_for_another_reason_says_it_too(
    slow: LazySettings, acme: Caller
) -> None:
    assert acme.get("variables/nothing/")["RateLimit"].startswith('"requests";r=3;')


def test_a_write_counts_as_both_and_the_tightest_is_named(slow: LazySettings, acme: Caller) -> None:
    answer = write(acme)
    assert answer["RateLimit-Policy"] == '"requests";q=4;w=3600, "writes";q=2;w=3600'
    assert answer["RateLimit"] == '"requests";r=3;t=900, "writes";r=1;t=1800'
    assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("2", "1")
    write(acme)
    refused = write(acme)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "writes")
    # Nothing was taken of the requests for it: reading goes on.
    assert acme.get("variables/")["RateLimit"].startswith('"requests";r=1;')


def test_a_refused_write_writes_nothing(slow: LazySettings, acme: Caller) -> None:
    for name in ("a", "b", "c"):
        write(acme, name)
    assert [one["name"] for one in acme.get("variables/").json()["results"]] == ["b", "a"]


def test_one_tenant_s_flood_is_not_another_s(slow: LazySettings, acme: Caller) -> None:
    globex = owner_of("globex")
    assert [write(acme).status_code for _ in range(4)] == [201, 200, 429, 429]
    assert write(globex).status_code == 201
    assert write(globex)["RateLimit"].startswith('"requests";r=2;')


def test_all_keys_of_a_tenant_share_its_limit(slow: LazySettings, acme: Caller) -> None:
    other = acme.with_role(Role.VIEWER)
    acme.get("variables/")
    assert other.get("variables/")["RateLimit-Remaining"] == "2"


def test_a_limit_of_nought_is_none(settings: LazySettings, acme: Caller) -> None:
    settings.RATE_REQUESTS, settings.RATE_WRITES = None, Rate(1, SLOW)
    answer = acme.get("variables/")
    assert not {name for name in answer.headers if name.startswith("RateLimit")}
    assert write(acme)["RateLimit-Policy"] == '"writes";q=1;w=3600'


def test_who_has_no_good_key_counts_for_nobody(slow: LazySettings, acme: Caller) -> None:
    for _ in range(6):
        assert Caller("sw_0123456789ab_wrong").get("variables/").status_code == 401
    assert acme.get("variables/")["RateLimit-Remaining"] == "3"


def test_without_redis_the_api_is_limited_by_the_process(
    slow: LazySettings, acme: Caller, tmp_path: Path
) -> None:
    slow.REDIS_URL = f"unix://{tmp_path}/nobody"
    assert [acme.get("variables/").status_code for _ in range(5)] == [200] * 4 + [429]


# --- A tenant's own ------------------------------------------------------------------------------


def test_staff_give_a_tenant_a_limit_of_its_own(slow: LazySettings, acme: Caller) -> None:
    with scope.tenant(acme.tenant_id):
        tenant = Tenant.objects.get()
    give(tenant, requests="9/h", writes="0")
    assert write(acme)["RateLimit-Policy"] == '"requests";q=9;w=3600'
    assert owner_of("globex").get("variables/")["RateLimit-Limit"] == "4"


def test_a_tenant_s_limits_are_read_once_in_a_while(
    slow: LazySettings, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    limits.forget(acme.tenant_id)
    assert acme.get("variables/")["RateLimit-Limit"] == "4"
    with scope.tenant(acme.tenant_id):
        TenantLimits.objects.create(tenant_id=acme.tenant_id, requests="9/h")
    assert acme.get("variables/")["RateLimit-Limit"] == "4"
    now[0] += limits.KNOWN_SECONDS + 0.1
    assert acme.get("variables/")["RateLimit-Limit"] == "9"


# --- Registration --------------------------------------------------------------------------------


def test_an_address_may_register_so_often(slow: LazySettings) -> None:
    here = registering.address()
    assert [registering.register(here).status_code for _ in range(3)] == [201, 201, 429]
    refused = registering.register(here)
    assert "This address's limit of registrations (2/h)" in refused.json()["detail"]
    assert int(refused["Retry-After"]) > 1700
    assert registering.register(registering.address()).status_code == 201


def test_a_registration_that_is_not_valid_counts_too(slow: LazySettings) -> None:
    here = registering.address()
    answers = [registering.register(here, email="nobody") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]


def test_nobody_registers_while_redis_is_away(slow: LazySettings, tmp_path: Path) -> None:
    slow.REDIS_URL = f"unix://{tmp_path}/nobody"
    closed = registering.register(registering.address())
    assert (closed.status_code, closed["Retry-After"]) == (503, "5")
    assert closed.json()["detail"] == "Nobody can register just now. Try again in a moment."
    with scope.operator("a test looks"):
        assert not Tenant.objects.exists()


def test_where_registrations_are_not_limited_redis_is_not_needed(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.RATE_REGISTRATIONS = None
    settings.REDIS_URL = f"unix://{tmp_path}/nobody"
    assert registering.register(registering.address()).status_code == 201


# --- Pages ---------------------------------------------------------------------------------------


def test_pages_are_read_without_a_limit_and_each_person_s_changes_have_one(
    slow: LazySettings,
) -> None:
    people = factories.make_people()
    workflow = factories.make_workflow(people.acme)
    path = f"/t/acme/workflows/{workflow.slug}/run/"
    alice, ed = Client(), Client()
    alice.force_login(people.alice)
    ed.force_login(people.ed)
    assert {alice.get("/t/acme/workflows/").status_code for _ in range(6)} == {200}
    answers = [alice.post(path, {"input": "{}"}) for _ in range(5)]
    assert [answer.status_code == 429 for answer in answers] == [False] * 4 + [True]
    assert b"That was too often" in answers[-1].content
    assert int(answers[-1]["Retry-After"]) > 880
    assert ed.post(path, {"input": "{}"}).status_code != 429
