"""What an operator measures of webhooks, over all tenants."""

from __future__ import annotations

from datetime import timedelta

from tenants import ids, scope
from webhooks.models import Delivery
from webhooks.refusals import Reason

HOUR = timedelta(hours=1)
TAKEN = [Reason.ACCEPTED.value, Reason.PAUSED.value]


def deliveries_of_last_hour() -> int:
    """How many were taken: not duplicates, nor what was refused."""
    with scope.operator("the metrics count what came in for all tenants"):
        since = ids.first_at(scope.prepared().now() - HOUR)
        rows = Delivery.objects.filter(id__gte=since, reason__in=TAKEN)
        return rows.count()
