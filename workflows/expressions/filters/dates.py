"""Filters on times: ISO 8601 text or Unix seconds in; a time without a zone is UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import DATE_STEPS
from workflows.expressions.values import kind

_MAX_FORMAT = 100
# The C library also takes widths ("%9999999d"), which make any amount of text.
_FORMAT = re.compile(r"(?:[^%]|%[aAbBdHIjmMpSyYzZfuVG%])*")


def _moment(budget: Budget, value: object) -> datetime:
    budget.step(DATE_STEPS)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and len(value) <= _MAX_FORMAT:
            moment = datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ExpressionError(
        f"A time must be ISO 8601 text such as 2025-01-31T12:00:00Z or Unix seconds, "
        f"and this is {kind(value)} that is neither"
    )


def _to_datetime(budget: Budget, value: object) -> object:
    """The time as ISO 8601 text in UTC."""
    return _moment(budget, value).astimezone(UTC).isoformat()


def _timestamp(budget: Budget, value: object) -> object:
    """The time as Unix seconds; whole where it is."""
    seconds = _moment(budget, value).timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def _date(budget: Budget, value: object, format: object = "%Y-%m-%d") -> object:  # noqa: A002 - the name users write
    """The time written with strftime's codes, in its own zone."""
    pattern = expect.text(format, "The format of date")
    if len(pattern) > _MAX_FORMAT or not _FORMAT.fullmatch(pattern):
        raise ExpressionError(
            "The format of date may use %a %A %b %B %d %f %G %H %I %j %m %M %p %S %u %V %y %Y %z %Z"
        )
    return _moment(budget, value).strftime(pattern)


DATES: dict[str, Callable[..., object]] = {
    "date": _date,
    "timestamp": _timestamp,
    "to_datetime": _to_datetime,
}
