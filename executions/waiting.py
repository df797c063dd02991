"""Waiting for an execution to end, without a transaction or a connection held meanwhile."""

from __future__ import annotations

import time
from uuid import UUID

from django.conf import settings
from django.db import connection

from executions.models import Execution
from executions.states import EXECUTION_ENDED
from tenants import scope

FIRST_PAUSE = 0.02  # seconds
LONGEST_PAUSE = 0.25
GROWTH = 1.5


def until_ended(*, tenant_id: UUID, execution_id: UUID, seconds: float) -> bool:
    """Whether the execution ended within so many seconds. To be called outside any scope."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not _has_ended(tenant_id, execution_id):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if settings.DATABASE_POOL:
            connection.close()  # back to the pool, or a few waiting callers would exhaust it
        time.sleep(min(pause, left))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
    return True


def _has_ended(tenant_id: UUID, execution_id: UUID) -> bool:
    with scope.tenant(tenant_id):
        return Execution.objects.filter(id=execution_id, status__in=EXECUTION_ENDED).exists()
