"""What an audit entry keeps of values: no secret, nothing long, the rest so that it verifies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tenants import actors, scope, services
from tenants.actions import Action
from tenants.actors import Actor
from tenants.models import AuditEntry, Secret, Tenant
from tenants.services import audit
from tenants.services.audit import MAX_VALUE_LENGTH, Target
from tests import factories


@pytest.fixture
def acme(db: None) -> Tenant:
    return factories.make_tenant("acme")


def entries(tenant: Tenant) -> list[AuditEntry]:
    with scope.tenant(tenant.id):
        return list(AuditEntry.objects.order_by("seq"))


def recorded(tenant: Tenant, after: dict[str, Any]) -> AuditEntry:
    with scope.tenant(tenant.id):
        audit.record(Action.VARIABLE_WRITTEN, Target("thing", "1", "it"), after=after)
    return entries(tenant)[-1]


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "sesame"},
        {"new_password1": "sesame"},
        {"Secret": "sesame"},
        {"sealed_secret": b"sesame"},
        {"token": "sesame"},
        {"digest": "sesame"},
        {"API_KEY": "sesame"},
        {"shop_apikey": ["sesame"]},
        {"anything": b"sesame"},
        {"anything": memoryview(b"sesame")},
        {"options": {"private_key": "sesame", "more": [{"token": {"a": "sesame"}}]}},
    ],
)
def test_secrets_are_masked_by_their_names_at_any_depth(
    acme: Tenant, fields: dict[str, Any]
) -> None:
    entry = recorded(acme, after=fields)
    assert "sesame" not in str(entry.after)
    assert "[masked]" in str(entry.after)


def test_a_secrets_value_gets_nowhere(acme: Tenant) -> None:
    factories.make_secret(acme, "shop", "open sesame")
    factories.make_secret(acme, "shop", "open sesame two")
    with scope.tenant(acme.id):
        sealed = bytes(Secret.objects.get().sealed).hex()
        services.delete_secret(tenant_id=acme.id, name="shop")
    rows = entries(acme)
    assert [row.action for row in rows] == ["secret.written"] * 2 + ["secret.deleted"]
    told = "".join(str(vars(row)) for row in rows)
    assert "sesame" not in told
    assert sealed not in told


def test_a_variable_that_is_called_like_a_secret_is_masked(acme: Tenant) -> None:
    with scope.tenant(acme.id):
        services.put_variable(tenant_id=acme.id, name="shop_token", value="sesame")
        services.put_variable(tenant_id=acme.id, name="region", value="eu")
    assert [row.after for row in entries(acme)] == ['{"shop_token":"[masked]"}', '{"region":"eu"}']


def test_of_a_long_value_only_its_hash_is_kept(acme: Tenant) -> None:
    entry = recorded(acme, after={"value": "x" * (MAX_VALUE_LENGTH + 1), "more": 1})
    assert set(json.loads(str(entry.after))["value"]) == {"sha256", "length"}
    assert entry.changes[0] == ("more", None, 1)


def test_of_a_deep_value_only_its_hash_is_kept(acme: Tenant) -> None:
    entry = recorded(acme, after={"value": nested(400, "sesame")})
    assert "sesame" not in str(entry.after)
    assert '"sha256"' in str(entry.after)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00"),
        ("\x00", "\x00"),
        ("\ud800", "?"),
        (1e22, 1e22),
        (-0.0, -0.0),
        (10**40, 10**40),
        ({"b": [1, (2,)], "a": None}, {"a": None, "b": [1, [2]]}),
    ],
)
def test_any_value_can_be_kept_and_verified(acme: Tenant, value: Any, kept: Any) -> None:
    entry = recorded(acme, after={"value": value})
    assert entry.changes == [("value", None, kept)]
    assert [one.flaw for one in services.verify("acme")] == [None]


def test_what_a_header_holds_has_no_say_over_a_line(acme: Tenant) -> None:
    agent = "a\r\nb\x00\ud800" + "c" * 500
    with scope.tenant(acme.id), actors.acting(Actor("user", None, "x" * 999, "api", agent=agent)):
        audit.record(Action.VARIABLE_WRITTEN, Target("t", "i" * 999, "l" * 999))
    [entry] = entries(acme)
    assert entry.agent == "a??b??" + "c" * 194
    assert [one.flaw for one in services.verify("acme")] == [None]
