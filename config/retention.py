"""What Stepwell forgets, and in which order; `manage.py retain` and beat's tick call it."""

from __future__ import annotations

from collections import Counter

from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from executions import services as executions
from webhooks import retention as webhooks

BATCHES = 1_000  # transactions of a thousand rows that one tick may make of each kind
SESSIONS = 1_000  # in a transaction


def forget(batches: int = BATCHES) -> Counter[str]:
    """Delete what is older than the settings KEEP_*, and sessions that have expired.

    Says how many rows of each kind. Safe to run in any number of copies; what is left is for the
    next time. (Rows of dead workers are the sweeper's.)
    """
    gone = webhooks.forget_deliveries(batches) + webhooks.forget_addresses(batches)
    gone += executions.forget_runs(batches)
    gone += executions.forget_keys(batches)
    gone += _forget_sessions(batches)
    return gone


def expired() -> Counter[str]:
    """What `forget` would delete now, however many batches it takes."""
    sessions = Session.objects.filter(expire_date__lt=Now()).count()
    found = webhooks.expired_deliveries() + webhooks.expired_addresses()
    found += executions.expired_runs() + executions.expired_keys()
    return found + Counter(sessions=sessions)


def _forget_sessions(batches: int) -> Counter[str]:
    gone: Counter[str] = Counter()
    for _ in range(batches):
        some = Session.objects.filter(expire_date__lt=Now()).order_by("expire_date")[:SESSIONS]
        count, _by_model = Session.objects.filter(pk__in=some.values("pk")).delete()
        gone["sessions"] += count
        if not count:
            break
    return gone
