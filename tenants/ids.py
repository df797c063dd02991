"""Ids as UUIDv7 (RFC 9562): what was made in a time is a range of the primary key. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)

_VERSION_AND_VARIANT = 7 << 76 | 2 << 62


def first_at(moment: datetime) -> UUID:
    """The smallest id that can be made at `moment`, which has a time zone; to the millisecond."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | _VERSION_AND_VARIANT)
