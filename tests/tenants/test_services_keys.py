"""API keys' verbs: the use that is noted, and what hears of their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError

from tenants import scope, services
from tenants.models import ApiKey, Tenant
from tenants.principals import Principal
from tenants.roles import PERMISSIONS, Permission, Role
from tenants.services import keys
from tenants.signals import access_changed
from tests import factories


@pytest.fixture(autouse=True)
def forgets() -> None:
    """The process remembers which uses it has noted."""
    keys._noted.clear()


def holder(tenant: Tenant, *scopes: Permission) -> Principal:
    found = services.find_key_holder(factories.make_key(tenant, Role.EDITOR, scopes or None))
    assert found is not None
    return found


def used_at(principal: Principal) -> datetime | None:
    with scope.tenant(principal.tenant_id):
        return ApiKey.objects.get(id=principal.id).last_used_at


def set_used(principal: Principal, ago: timedelta) -> datetime:
    at = datetime.now(UTC) - ago
    with scope.tenant(principal.tenant_id):
        ApiKey.objects.filter(id=principal.id).update(last_used_at=at)
    return at


def test_a_use_is_noted_by_whichever_process_is_first(db: None) -> None:
    caller = holder(factories.make_tenant())
    lately = set_used(caller, timedelta(seconds=keys.USED_SECONDS - 20))
    services.note_used(caller)
    assert used_at(caller) == lately


def test_a_later_use_is_noted_again(db: None) -> None:
    caller = holder(factories.make_tenant())
    before = set_used(caller, timedelta(seconds=keys.USED_SECONDS + 1))
    services.note_used(caller)
    now = used_at(caller)
    assert now is not None
    assert now > before


def test_a_process_asks_the_database_once_a_minute(
    db: None, django_assert_num_queries: Any
) -> None:
    caller = holder(factories.make_tenant())
    services.note_used(caller)
    with django_assert_num_queries(0):
        services.note_used(caller)


def test_a_use_that_cannot_be_noted_disturbs_nobody(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = holder(factories.make_tenant())

    def refuse(_: UUID) -> None:
        raise DatabaseError

    monkeypatch.setattr(scope, "tenant", refuse)
    services.note_used(caller)


def test_a_holder_is_renewed_with_its_scopes(db: None) -> None:
    caller = holder(factories.make_tenant(), Permission.VIEW)
    with scope.tenant(caller.tenant_id):
        ApiKey.objects.filter(id=caller.id).update(scopes=["run"])
        renewed = services.renewed(caller)
    assert renewed is not None
    assert renewed.permissions == {Permission.RUN}


def test_whatever_is_open_hears_of_a_revoked_key(committed_db: None) -> None:
    heard: list[UUID] = []

    def listen(sender: object, principal_id: UUID, **_: object) -> None:
        heard.append(principal_id)

    caller = holder(factories.make_tenant())
    access_changed.connect(listen)
    try:
        with scope.tenant(caller.tenant_id):
            key = services.keys_of(caller.tenant_id).get(id=caller.id)
            services.revoke_key(key=key, by=PERMISSIONS[Role.OWNER])
            assert heard == []
    finally:
        access_changed.disconnect(listen)
    assert heard == [caller.id]
    assert services.find_key_holder("sw_x_y") is None
