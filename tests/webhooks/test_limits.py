"""How often an endpoint takes a request, and what who cannot sign does to those who can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from tenants import limiter, scope
from tenants import limits as tenant_limits
from tenants.gcra import Rate
from tenants.models import TenantLimits, TenantUsage
from tenants.problems import Problem
from tests.webhooks import senders
from tests.webhooks.senders import BODY, Address, make_address, standard
from webhooks import deliveries, limits, services
from webhooks.models import Delivery
from webhooks.receive import receive

pytestmark = pytest.mark.django_db

SLOW = 3600  # seconds: nothing comes back while a test runs
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    limiter.limiter.cache_clear()
    limits._turned_away.cache_clear()
    yield
    limiter.limiter.cache_clear()


def knock(
    address: Address, *ids: int, client: str | None = HERE, signed: bool = True
) -> list[tuple[int, str]]:
    """The status and the code of each answer; 202 where a run was begun."""
    answers = []
    for number in ids:
        headers = standard(address, delivery_id=f"msg_{number}") if signed else {}
        try:
            receive(address.token, headers, {}, BODY, client=client)
        except Problem as problem:
            answers.append((problem.status, problem.code))
        else:
            answers.append((202, ""))
    return answers


TAKEN, TOO_MANY, FORGED = (202, ""), (429, "rate-limited"), (401, "bad-signature")


def test_an_endpoint_takes_as_many_as_its_rate(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(3, SLOW)
    address = make_address()
    assert knock(address, 1, 2, 3, 4, 5) == [TAKEN] * 3 + [TOO_MANY] * 2
    assert senders.stored().executions == 3


def test_the_refusal_says_when_to_send_it_again(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(1, 60)
    address = make_address()
    knock(address, 1)
    signed = {name.replace("_", "-"): value for name, value in standard(address).items()}
    refused = Client().post(
        address.path, BODY, content_type="application/json", headers={**signed, "webhook-id": "2"}
    )
    assert refused.status_code == 401, "this one was not signed for that id"
    refused = Client().post(address.path, BODY, content_type="application/json", headers=signed)
    assert refused.status_code == 429
    assert 55 < int(refused["Retry-After"]) <= 60
    assert "The endpoint's limit of webhooks (1/min)" in refused.json()["detail"]


def test_what_was_too_much_is_kept_and_may_be_sent_again_by_hand(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(1, SLOW)
    address = make_address()
    knock(address, 1, 2)
    with scope.tenant(address.tenant.id):
        kept = Delivery.objects.get(reason="rate_limited")
        run = deliveries.resend(delivery=kept, by="otto")
    assert (kept.status, run.status) == (429, "queued")


def test_each_endpoint_has_its_own(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(1, SLOW)
    one = make_address()
    assert knock(one, 1, 2) == [TAKEN, TOO_MANY]
    assert knock(make_address(), 1) == [TAKEN]


def test_an_endpoint_s_own_rate_can_only_be_lower(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(2, SLOW)
    for own, taken in (("1/h", 1), ("100/s", 2), ("0", 2), ("", 2)):
        address = make_address()
        with scope.tenant(address.tenant.id):
            services.change(endpoint=address.endpoint(), rate=own)
        assert knock(address, 1, 2, 3).count(TAKEN) == taken, own


def test_a_tenant_s_own_rate_goes_before_the_deployment_s(settings: LazySettings) -> None:
    settings.RATE_WEBHOOKS = Rate(1, SLOW)
    address = make_address()
    with scope.tenant(address.tenant.id):
        TenantLimits.objects.create(tenant=address.tenant, webhooks="2/h")
    tenant_limits.forget(address.tenant.id)
    assert knock(address, 1, 2, 3) == [TAKEN, TAKEN, TOO_MANY]


@pytest.mark.parametrize("rate", ["often", "5", "-1/s", "5/day"])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    address = make_address()
    with scope.tenant(address.tenant.id), pytest.raises(Problem) as refused:
        services.change(endpoint=address.endpoint(), rate=rate)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "rate")


# --- Who cannot sign -----------------------------------------------------------------------------


def test_a_flood_without_a_signature_uses_up_nothing_of_the_endpoint_s(
    settings: LazySettings,
) -> None:
    settings.RATE_WEBHOOKS, settings.RATE_UNSIGNED = Rate(2, SLOW), Rate(3, SLOW)
    address = make_address()
    flood = knock(address, *range(5), client=HERE, signed=False)
    assert flood == [FORGED] * 3 + [TOO_MANY] * 2
    assert knock(address, 1, 2, 3, client=THERE) == [TAKEN, TAKEN, TOO_MANY]


def test_a_flood_is_told_so_before_the_database_is_asked(settings: LazySettings) -> None:
    settings.RATE_UNSIGNED = Rate(1, SLOW)
    address = make_address()
    knock(address, 1, signed=False)
    with scope.tenant(address.tenant.id):
        services.delete(endpoint=address.endpoint())
    assert knock(address, 2, signed=False) == [TOO_MANY], "who had looked would say 404"


def test_senders_whose_address_cannot_be_told_are_not_turned_away_for_each_other(
    settings: LazySettings,
) -> None:
    settings.RATE_UNSIGNED = Rate(1, SLOW)
    address = make_address()
    assert knock(address, 1, 2, client=None, signed=False) == [FORGED] * 2
    assert knock(address, 3, client=None) == [TAKEN]


def test_another_endpoint_takes_the_same_sender(settings: LazySettings) -> None:
    settings.RATE_UNSIGNED = Rate(1, SLOW)
    knock(make_address(), 1, 2, signed=False)
    assert knock(make_address(), 1) == [TAKEN]


def test_who_signs_well_is_never_counted_as_one_who_does_not(settings: LazySettings) -> None:
    settings.RATE_UNSIGNED = Rate(1, SLOW)
    assert knock(make_address(), 1, 2, 3) == [TAKEN] * 3


# --- Without Redis, without room -----------------------------------------------------------------


def test_without_redis_webhooks_go_on_and_the_process_limits_them(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.RATE_WEBHOOKS = Rate(2, SLOW)
    settings.REDIS_URL = f"unix://{tmp_path}/nobody"
    assert knock(make_address(), 1, 2, 3) == [TAKEN, TAKEN, TOO_MANY]


def test_a_tenant_that_is_full_takes_none_until_it_has_room() -> None:
    address = make_address()
    with scope.tenant(address.tenant.id):
        given = TenantLimits.objects.create(tenant=address.tenant, stored_bytes=10)
        TenantUsage.objects.create(
            tenant=address.tenant, stored_bytes=10, measured_at=timezone.now()
        )
    tenant_limits.forget(address.tenant.id)
    assert knock(address, 1) == [(507, "storage-full")]
    given.stored_bytes = 11
    with scope.tenant(address.tenant.id):
        given.save()
    tenant_limits.forget(address.tenant.id)
    assert knock(address, 1) == [TAKEN], "the sender's next try of the same delivery"
