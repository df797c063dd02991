"""Forgetting deliveries: what came in long ago, unless its run has not ended yet.

So are those that were refused, that only repeated others, or that wait for a paused workflow. With
them go the counts of those that were not kept.

A repeat of a forgotten delivery is no longer known for one: signatures that carry a time are stale
by then, and the others' repeats start a second run.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from executions import services as executions
from tenants import ids, scope
from tenants.scope import Prepared
from webhooks import statements
from webhooks.models import TrialAddress

BATCH = 1_000  # rows in a transaction


def forget_deliveries(batches: int) -> Counter[str]:
    """Delete what is expired, in at most so many transactions; says how many `deliveries`."""
    gone = executions.in_batches(_forget, batches)
    with scope.operator("retention forgets what is old of every tenant"):
        db = scope.prepared()
        db.run(statements.FORGET_TALLIES, _old(db))
    return gone


def expired_deliveries() -> Counter[str]:
    """What `forget_deliveries` would delete now."""
    with scope.operator("retention counts what is old of every tenant"):
        db = scope.prepared()
        [(deliveries,)] = db.run(statements.COUNT_EXPIRED, _old(db))
    return Counter(deliveries=deliveries)


def forget_addresses(batches: int) -> Counter[str]:
    """Delete test addresses that closed long ago with what came in there; says how many."""
    return executions.in_batches(_forget_addresses, batches)


def expired_addresses() -> Counter[str]:
    """What `forget_addresses` would delete now."""
    with scope.operator("retention counts what is old of every tenant"):
        return Counter(addresses=_closed(scope.prepared()).count())


def _forget_addresses(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
    rows = _closed(db).filter(id__gt=after).select_for_update(skip_locked=True)
    found = list(rows.order_by("id").values_list("id", flat=True)[:BATCH])
    TrialAddress.objects.filter(id__in=found).delete()
    return (found[-1] if found else None), Counter(addresses=len(found))


def _closed(db: Prepared) -> QuerySet[TrialAddress]:
    cutoff = db.now() - timedelta(days=settings.KEEP_DELIVERIES_DAYS)
    return TrialAddress.objects.filter(expires_at__lt=cutoff)


def _forget(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
    [(upto, deliveries)] = db.run(statements.FORGET, {**_old(db), "after": after, "batch": BATCH})
    return upto, Counter(deliveries=deliveries)


def _old(db: Prepared) -> dict[str, object]:
    cutoff = db.now() - timedelta(days=settings.KEEP_DELIVERIES_DAYS)
    return {"before": ids.first_at(cutoff), "cutoff": cutoff}
