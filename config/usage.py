"""What a tenant uses beside what it may: the one list of it, for the page and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from executions.models import Execution
from executions.states import ExecutionStatus
from tenants import limits
from tenants.limits import Policy, Quota
from tenants.models import Membership, Secret, TenantUsage
from webhooks.models import Endpoint
from workflows.models import Schedule, Workflow


@dataclass(frozen=True)
class Use:
    """So much of so much; a limit of None is none."""

    name: str
    used: int
    limit: int | None

    @property
    def most(self) -> int:
        """What a bar is full at."""
        return self.limit or max(self.used, 1)

    @property
    def high(self) -> float:
        """From where on a bar warns."""
        return self.most * 0.8


@dataclass(frozen=True)
class RateUse:
    """How one of the API's rates stands: so many left at once, all of them again in `reset` s."""

    name: str
    limit: str
    count: int
    remaining: int
    reset: int

    @property
    def used(self) -> int:
        return self.count - self.remaining


@dataclass(frozen=True)
class Usage:
    """All of it, now; what is stored as it was estimated at `measured_at`, if ever."""

    rates: list[RateUse]
    webhooks: str | None
    quotas: list[Use]
    measured_at: datetime | None


_COUNTS: dict[Quota, Callable[[], int]] = {
    Quota.RUNNING_EXECUTIONS: lambda: Execution.objects.filter(
        status=ExecutionStatus.RUNNING
    ).count(),
    Quota.WORKFLOWS: lambda: Workflow.objects.filter(archived_at=None).count(),
    Quota.ENDPOINTS: lambda: Endpoint.objects.count(),
    Quota.SCHEDULES: lambda: Schedule.objects.count(),
    Quota.SECRETS: lambda: Secret.objects.count(),
    Quota.MEMBERS: lambda: Membership.objects.count(),
}


def of(tenant_id: UUID) -> Usage:
    """The usage of the tenant, in its scope."""
    may = limits.of(tenant_id)
    stored = TenantUsage.objects.first()
    return Usage(
        rates=_rates(tenant_id),
        webhooks=str(may.webhooks) if may.webhooks else None,
        quotas=[
            *(Use(name, count(), may.quotas[name] or None) for name, count in _COUNTS.items()),
            Use(
                Quota.STORED_BYTES,
                stored.stored_bytes if stored else 0,
                may.quotas[Quota.STORED_BYTES] or None,
            ),
        ],
        measured_at=stored.measured_at if stored else None,
    )


def _rates(tenant_id: UUID) -> list[RateUse]:
    counted = limits.standing_of_calls(tenant_id)
    return [
        RateUse(Policy(name), str(one.rate), one.rate.count, one.remaining, one.reset)
        for name, one in zip(counted.policies, counted.decision.standings, strict=True)
    ]
