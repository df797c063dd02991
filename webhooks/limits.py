"""How often an endpoint takes a request: those that are let in, and those that are turned away.

They are counted apart. Who cannot sign uses up nothing of the endpoint's rate; and who floods it
is told so by a look into this process's memory, before a signature is computed or Postgres asked.
"""

from __future__ import annotations

from functools import cache

from django.conf import settings

from tenants import addresses, limits, services
from tenants.gcra import Rate
from tenants.limiter import Bucket, LocalLimiter
from tenants.problems import Problem
from webhooks.incoming import Target
from webhooks.refusals import UNVERIFIED, Reason

UNSIGNED_RETRY_SECONDS = 60
WHOSE = "The endpoint's"


def check_flood(token: str, client: str | None) -> None:
    """Raise Problem 429 for an address whose requests were refused here too often lately.

    Senders whose address cannot be told are let through: they would all be turned away for one.
    """
    bucket = _bucket(token, client)
    if bucket is not None and _turned_away().is_empty(bucket):
        raise Problem(
            429,
            "rate-limited",
            "Too many requests from this address were refused. Mend the signature; then try again.",
            headers={"Retry-After": str(UNSIGNED_RETRY_SECONDS)},
        )


def count_refused(token: str, client: str | None, reason: Reason) -> None:
    """Count a refusal of one who is not known to be who may send."""
    bucket = _bucket(token, client)
    if bucket is not None and reason in UNVERIFIED:
        _turned_away().take([bucket])


def admit_at_once(target: Target) -> bool:
    """Count a request whose signature was right by what this process knows and has taken ahead.

    False: it is not counted yet, Redis or Postgres must be asked. Raises Problem as `admit`.
    """
    known = limits.known(target.tenant_id)
    if known is None:
        return False
    services.refuse_full(known)  # first: who is refused is looked at twice, and counted once
    counted = limits.count_webhook_at_once(known, target.id, target.rate)
    if counted is None:
        return False
    counted.check(WHOSE)
    return True


def admit(target: Target) -> None:
    """Count a request whose signature was right, outside any transaction.

    Raises Problem 429 beyond the endpoint's rate, 507 when its tenant has stored all it may.
    """
    limits.count_webhook(target.tenant_id, target.id, target.rate).check(WHOSE)
    services.check_storage(target.tenant_id)


@cache
def _turned_away() -> LocalLimiter:
    return LocalLimiter()


def _bucket(token: str, client: str | None) -> Bucket | None:
    rate: Rate | None = settings.RATE_UNSIGNED
    if rate is None or client is None:
        return None
    return Bucket(f"{token}:{addresses.subscriber(client)}", rate)
