"""What an operator measures of webhooks, over all tenants."""

from __future__ import annotations

from datetime import timedelta

from tenants import ids, scope
from webhooks.models import Delivery

HOUR = timedelta(hours=1)


def deliveries_of_last_hour() -> int:
    """How many were stored: duplicates and what was refused leave no row."""
    with scope.operator("the metrics count what came in for all tenants"):
        since = ids.first_at(scope.prepared().now() - HOUR)
        return Delivery.objects.filter(id__gte=since).count()
