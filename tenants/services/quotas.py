"""How much a tenant may have: asked before something is made."""

from __future__ import annotations

import zlib
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from tenants import limits
from tenants.limits import Limits, Quota
from tenants.problems import Problem

_LOCKS = 0x51_A7  # the class of advisory locks that quotas take
_CALLED = {
    Quota.WORKFLOWS: "workflows",
    Quota.ENDPOINTS: "webhook endpoints",
    Quota.SCHEDULES: "schedules",
    Quota.SECRETS: "secrets",
    Quota.MEMBERS: "members",
}


def check_quota(tenant_id: UUID, quota: Quota, rows: QuerySet[Any]) -> None:
    """Raise Problem 409 unless the tenant may have one more of these `rows`.

    In the transaction that makes it, which from then on makes others of the kind wait: of two that
    come at once, one takes the last place.
    """
    limit = limits.of(tenant_id).quotas[quota]
    if not limit:
        return
    with connection.cursor() as cursor:
        key = zlib.crc32(f"{tenant_id}:{quota}".encode()) - 2**31
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, key])
    used = rows.order_by()[:limit].count()
    if used >= limit:
        called = _CALLED[quota]
        message = f"This tenant has {used} {called} and may have {limit}."
        raise Problem(
            409,
            "quota",
            f"{message} Delete one, or ask the platform's staff for more.",
            errors=[{"code": quota.value, "message": message}],
        )


def check_storage(tenant_id: UUID) -> None:
    """Raise Problem 507 if the tenant has stored as much as it may: it begins no further runs."""
    refuse_full(limits.of(tenant_id))


def refuse_full(known: Limits) -> None:
    """As `check_storage`, of a tenant whose limits are known."""
    if known.is_full:
        limit = known.quotas[Quota.STORED_BYTES]
        message = f"This tenant has stored {known.stored_bytes:,} bytes and may store {limit:,}."
        raise Problem(
            507,
            "storage-full",
            f"{message} Runs that have begun go on; new ones begin once old ones are forgotten, or "
            "the platform's staff gives more.",
            errors=[{"code": Quota.STORED_BYTES.value, "message": message}],
        )
