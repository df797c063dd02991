"""When a request was sent: where it says so, how it is written, and how old it may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from .message import MalformedError, Message
from .places import Place

TOLERANCE = 300  # seconds, to both sides; the figure of Standard Webhooks, Slack and Stripe

# Python's own int() would also take signs, spaces, underscores and non-ASCII digits.
_UNIX_SECONDS = re.compile(rb"[0-9]{1,12}")
_UNIX_MILLISECONDS = re.compile(rb"[0-9]{1,15}")
_ISO_8601 = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


@dataclass(frozen=True)
class Notation:
    """A way to write a time. `read` raises `ValueError` for what matches but is no time."""

    pattern: re.Pattern[bytes]
    read: Callable[[bytes], float]
    write: Callable[[int], str]


def _read_iso(raw: bytes) -> float:
    return datetime.fromisoformat(raw.decode("ascii")).timestamp()


def _write_iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


UNIX_SECONDS = Notation(_UNIX_SECONDS, int, str)
UNIX_MILLISECONDS = Notation(
    _UNIX_MILLISECONDS, lambda raw: int(raw) / 1000, lambda seconds: str(seconds * 1000)
)
ISO_8601 = Notation(_ISO_8601, _read_iso, _write_iso)


@dataclass(frozen=True)
class Timestamp:
    """The time of sending, at most `tolerance` seconds from now."""

    place: Place
    notation: Notation = UNIX_SECONDS
    tolerance: int = TOLERANCE

    def is_stale(self, message: Message, now: float) -> bool:
        """Whether the time is outside the tolerance; `MalformedError` when there is no time."""
        raw = self.place.read(message)
        if raw is None or not self.notation.pattern.fullmatch(raw):
            raise MalformedError
        try:
            sent_at = self.notation.read(raw)
        except ValueError:
            raise MalformedError from None
        return abs(now - sent_at) > self.tolerance

    def write(self, headers: dict[str, str], seconds: int) -> None:
        self.place.write(headers, self.notation.write(seconds))
