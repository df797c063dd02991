"""Times in configs: RFC 3339 texts, and how far ahead a step may wait."""

from __future__ import annotations

import re
from datetime import datetime

DAY = 24 * 60 * 60
"""Seconds."""

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def moment(text: str) -> datetime:
    """The time that a text names. Raises ValueError with a sentence, also without an offset."""
    if _RFC_3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise ValueError(
        "This must be a time with its offset from UTC, such as 2026-05-01T09:00:00+02:00 or"
        " 2026-05-01T07:00:00Z."
    )
