"""Calls without a good API key: so many of an address are answered, and then none for a while.

Each process counts them by itself, in its memory: whoever floods it costs neither Redis nor
Postgres anything. A key that opened something in this process lately is looked up whatever else
comes from its address; one that did not is not, while that address has used up its places.
"""

from __future__ import annotations

import hashlib
from functools import cache
from threading import Lock

from cachetools import TTLCache
from django.conf import settings

from tenants import addresses, services
from tenants.gcra import Rate
from tenants.limiter import Bucket, LocalLimiter
from tenants.principals import Principal
from tenants.problems import Problem

KNOWN_SECONDS = 3600  # that a key is known after it was good
MAX_KNOWN = 10_000  # keys

# By the hash of the whole key, so that a wrong one is not known by the half that it has right.
_known: TTLCache[bytes, bool] = TTLCache(maxsize=MAX_KNOWN, ttl=KNOWN_SECONDS)
_knowing = Lock()


def find_holder(token: str, client: str | None) -> Principal | None:
    """The principal of a key; None if it is none, and then that counts for its address.

    `token` is empty for a call without a key, `client` the caller's address, None if that cannot
    be told: those are not counted, they would all be turned away for one. Raises Problem 429.
    """
    bucket = _bucket(client)
    name = hashlib.sha256(token.encode(errors="replace")).digest()
    if bucket is not None and not _is_known(name):
        _check(bucket)
    holder = services.find_key_holder(token) if token else None
    with _knowing:
        if holder is None:
            _known.pop(name, None)
        else:
            _known[name] = True
    if holder is None and bucket is not None:
        _turned_away().take([bucket])
    return holder


def forget() -> None:
    """Count anew, and know no key."""
    _turned_away.cache_clear()
    with _knowing:
        _known.clear()


def _check(bucket: Bucket) -> None:
    if not _turned_away().is_empty(bucket):
        return
    [standing] = _turned_away().look([bucket]).standings
    seconds = max(1, standing.retry_after)
    detail = (
        "Too many calls from this address had no valid API key. "
        f"Try again in {seconds} second{'' if seconds == 1 else 's'}."
    )
    raise Problem(
        429,
        "rate-limited",
        detail,
        errors=[{"code": "unknown-keys", "message": f"At most {bucket.rate}."}],
        headers={"Retry-After": str(seconds)},
    )


def _is_known(name: bytes) -> bool:
    with _knowing:
        return name in _known


@cache
def _turned_away() -> LocalLimiter:
    return LocalLimiter()


def _bucket(client: str | None) -> Bucket | None:
    rate: Rate | None = settings.RATE_UNKNOWN_KEYS
    if rate is None or client is None:
        return None
    return Bucket(addresses.subscriber(client), rate)
