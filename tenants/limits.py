"""What a tenant may use: the deployment's limits and those that staff gave it; asking the limiter.

Names, headers and refusals of rate limits are made here, for every door.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from tenants import addresses, gcra, scope
from tenants.gcra import Decision, Rate
from tenants.limiter import Bucket, limiter
from tenants.models import TenantLimits, TenantUsage
from tenants.problems import Problem

KNOWN_SECONDS = 5.0  # that a process goes by what it has read of a tenant
MAX_KNOWN = 10_000  # tenants

DRAFT = "draft-ietf-httpapi-ratelimit-headers-10"


class Quota(StrEnum):
    """What a tenant may have so many of."""

    WORKFLOWS = "workflows"
    ENDPOINTS = "endpoints"
    SCHEDULES = "schedules"
    SECRETS = "secrets"
    MEMBERS = "members"
    STORED_BYTES = "stored_bytes"
    RUNNING_EXECUTIONS = "running_executions"


class Policy(StrEnum):
    """What is counted, as headers and refusals name it."""

    REQUESTS = "requests"
    WRITES = "writes"
    REGISTRATIONS = "registrations"
    WEBHOOKS = "webhooks"


@dataclass(frozen=True)
class Limits:
    """A tenant's rates (None: no limit), quotas (0: no limit), and the bytes it has stored."""

    requests: Rate | None
    writes: Rate | None
    webhooks: Rate | None
    quotas: Mapping[Quota, int]
    stored_bytes: int

    @property
    def is_full(self) -> bool:
        """Whether it has stored as much as it may."""
        return 0 < self.quotas[Quota.STORED_BYTES] <= self.stored_bytes


@dataclass(frozen=True)
class Counted:
    """A request that was counted: under which policies, and what came of it."""

    policies: tuple[Policy, ...]
    decision: Decision

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit-Policy and RateLimit (DRAFT); and for older clients, the tightest limit."""
        pairs = list(zip(self.policies, self.decision.standings, strict=True))
        if not pairs:
            return {}
        _, tightest = min(pairs, key=lambda pair: (-pair[1].wait, pair[1].remaining))
        return {
            "RateLimit-Policy": ", ".join(
                f'"{policy}";q={one.rate.count};w={one.rate.seconds}' for policy, one in pairs
            ),
            "RateLimit": ", ".join(
                f'"{policy}";r={one.remaining};t={one.reset}' for policy, one in pairs
            ),
            "RateLimit-Limit": str(tightest.rate.count),
            "RateLimit-Remaining": str(tightest.remaining),
            "RateLimit-Reset": str(tightest.reset),
        }

    def check(self, whose: str) -> None:
        """Raise Problem 429 if it was refused; `whose` limit it is, in words."""
        if self.decision.allowed:
            return
        refusing = self.decision.refusing
        policy = self.policies[self.decision.standings.index(refusing)]
        seconds = max(1, refusing.retry_after)
        detail = (
            f"{whose} limit of {policy} ({refusing.rate}) is used up. "
            f"Try again in {seconds} second{'' if seconds == 1 else 's'}."
        )
        raise Problem(
            429,
            "rate-limited",
            detail,
            errors=[{"code": policy.value, "message": f"At most {refusing.rate}."}],
            headers={**self.headers, "Retry-After": str(seconds)},
        )


NOT_COUNTED = Counted((), Decision(True, ()))


# --- What a tenant may ---------------------------------------------------------------------------

_known: dict[UUID, tuple[float, Limits]] = {}


def of(tenant_id: UUID) -> Limits:
    """The tenant's limits, at most KNOWN_SECONDS old; for any scope that may see the tenant."""
    limits = known(tenant_id)
    if limits is None:
        until = time.monotonic() + KNOWN_SECONDS
        limits = _read(tenant_id)
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[tenant_id] = (until, limits)
    return limits


def known(tenant_id: UUID) -> Limits | None:
    """The tenant's limits, if this process has read them lately."""
    until, limits = _known.get(tenant_id, (0.0, None))
    return limits if time.monotonic() <= until else None


def forget(tenant_id: UUID) -> None:
    """Read the tenant's limits anew when they are asked for next, in this process."""
    _known.pop(tenant_id, None)


def default_quota(quota: Quota) -> int:
    """What a tenant may have without limits of its own; 0: no limit."""
    running = quota is Quota.RUNNING_EXECUTIONS  # a setting that is older than the others
    limit: int = getattr(
        settings, f"MAX_{quota.upper()}" if running else f"MAX_TENANT_{quota.upper()}"
    )
    return limit


def _read(tenant_id: UUID) -> Limits:
    with scope.tenant(tenant_id):
        own = TenantLimits.objects.filter(tenant_id=tenant_id).first() or TenantLimits()
        usage = TenantUsage.objects.filter(tenant_id=tenant_id).first()
    given = {quota: getattr(own, quota) for quota in Quota}
    return Limits(
        requests=_rate(own.requests, settings.RATE_REQUESTS),
        writes=_rate(own.writes, settings.RATE_WRITES),
        webhooks=_rate(own.webhooks, settings.RATE_WEBHOOKS),
        quotas={
            quota: default_quota(quota) if limit is None else limit
            for quota, limit in given.items()
        },
        stored_bytes=usage.stored_bytes if usage else 0,
    )


def _rate(own: str, default: Rate | None) -> Rate | None:
    return gcra.parse(own) if own else default


# --- Counting ------------------------------------------------------------------------------------


def count_call(tenant_id: UUID, *, write: bool) -> Counted:
    """Count a call of the API: a write is a request, too."""
    return _count(_of_calls(tenant_id, write=write))


def count_click(tenant_id: UUID, user_id: UUID) -> Counted:
    """Count what a person changes by the tenant's pages: as often as an API may be asked, but for
    each person by themselves, so that no program keeps people from their work."""
    limits = of(tenant_id)
    return _count([(Policy.REQUESTS, f"{tenant_id}:page:{user_id}", limits.requests)])


def count_registration(address: str) -> Counted:
    """Count somebody who wants to register. Raises Problem 503 while Redis is away: each process
    by itself would let so many more through, and who registers can wait."""
    rate: Rate | None = settings.RATE_REGISTRATIONS
    if rate is None:
        return NOT_COUNTED
    decision = limiter().take_shared([Bucket(f"register:{addresses.subscriber(address)}", rate)])
    if decision is None:
        detail = "Nobody can register just now. Try again in a moment."
        raise Problem(503, "registration-away", detail, headers={"Retry-After": "5"})
    return Counted((Policy.REGISTRATIONS,), decision)


def count_webhook(tenant_id: UUID, endpoint_id: UUID, own: str) -> Counted:
    """Count a webhook whose signature was right.

    `own` is the endpoint's rate, if it has one; it can only be lower than what its tenant may.
    """
    bucket = _of_webhooks(of(tenant_id), endpoint_id, own)
    if bucket is None:
        return NOT_COUNTED
    return Counted((Policy.WEBHOOKS,), limiter().take_leased(bucket))


def count_webhook_at_once(limits: Limits, endpoint_id: UUID, own: str) -> Counted | None:
    """As `count_webhook` if this process took a place ahead; None: it is not counted."""
    bucket = _of_webhooks(limits, endpoint_id, own)
    if bucket is None:
        return NOT_COUNTED
    decision = limiter().use_leased(bucket)
    return None if decision is None else Counted((Policy.WEBHOOKS,), decision)


def standing_of_calls(tenant_id: UUID) -> Counted:
    """How the tenant's API limits stand; nothing is counted."""
    policies, buckets = _limited(_of_calls(tenant_id, write=True))
    return Counted(policies, limiter().look(buckets))


def _of_webhooks(limits: Limits, endpoint_id: UUID, own: str) -> Bucket | None:
    given = [limits.webhooks, _rate(own, None)]
    rate = min((one for one in given if one), key=lambda one: one.count / one.seconds, default=None)
    return None if rate is None else Bucket(f"hook:{endpoint_id}", rate)


_Wanted = Sequence[tuple[Policy, str, Rate | None]]


def _of_calls(tenant_id: UUID, *, write: bool) -> _Wanted:
    limits = of(tenant_id)
    requests = (Policy.REQUESTS, f"{tenant_id}:requests", limits.requests)
    writes = (Policy.WRITES, f"{tenant_id}:writes", limits.writes)
    return [requests, writes] if write else [requests]


def _count(wanted: _Wanted) -> Counted:
    policies, buckets = _limited(wanted)
    return Counted(policies, limiter().take(buckets)) if buckets else NOT_COUNTED


def _limited(wanted: _Wanted) -> tuple[tuple[Policy, ...], list[Bucket]]:
    limited = [(policy, Bucket(name, rate)) for policy, name, rate in wanted if rate is not None]
    return tuple(policy for policy, _ in limited), [bucket for _, bucket in limited]
