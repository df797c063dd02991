"""Cron expressions of five fields in a time zone: checked, told in words, and when they fire.

A schedule at fixed times fires as Debian's cron does: a time that the change to summer time skips
fires right after the gap, one that the change back repeats fires the first time only. Where the
minute or the hour begins with `*` the expression follows real time instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from workflows.problems import hint

_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day of month": "1-31, L (the last day) or LW (the last weekday)",
    "month": "1-12 or JAN-DEC",
    "day of week": "0-7 (0 and 7 are Sunday) or SUN-SAT, 5L (the last Friday), 1#2 (2nd Monday)",
}
_FORMS = "alone, or as * (any), a list 1,2, a range 1-5 or a step */15"
MAX_LENGTH = 100

Mark = Literal["after_gap", "repeated_hour"]


class CronError(ValueError):
    """What is wrong with an expression or a zone; `field` says which of the two."""

    def __init__(self, field: Literal["cron", "zone"], message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True)
class Fire:
    """A time at which an expression fires, in its own zone.

    `after_gap`: the time that was meant does not exist that day, so it fires right after the gap.
    `repeated_hour`: the clock shows this time twice that day; its UTC offset says which one it is.
    """

    at: datetime
    mark: Mark | None


@dataclass(frozen=True)
class Cron:
    """A checked expression in its zone; `parse` makes it."""

    expression: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[datetime]:
        """When it fires after an instant, in UTC, each later than the one before."""
        last = instant.astimezone(UTC)
        for local in CronSim(self.expression, instant.astimezone(self.zone)):
            # Two skipped times become one, and so may a skipped time and one right after the gap;
            # a clock that is in its repeated hour comes by the first one's times again.
            fire = local.astimezone(UTC)
            if fire > last:
                last = fire
                yield fire

    @property
    def words(self) -> str:
        """The expression as a sentence without a full stop."""
        return CronSim(self.expression, _ANY_TIME).explain()

    def fire(self, instant: datetime) -> Fire:
        """One of its fires, as people are to see it."""
        local = instant.astimezone(self.zone)
        rule = CronSim(self.expression, _ANY_TIME)
        if local.hour not in rule.hours or local.minute not in rule.minutes:
            return Fire(local, "after_gap")
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return Fire(local, "repeated_hour" if twice else None)


_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def parse(expression: str, zone: str) -> Cron:
    """A five-field expression in an IANA time zone. Raises CronError."""
    return Cron(_checked(" ".join(expression.split()).upper()), _zone(zone))


def _checked(expression: str) -> str:
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise CronError(
            "cron",
            f"A schedule has five fields (minute, hour, day of month, month, day of week), not "
            f"{len(parts)}. Every weekday at 9:30 is 30 9 * * 1-5.",
        )
    if len(expression) > MAX_LENGTH:
        raise CronError("cron", f"A schedule may have at most {MAX_LENGTH} characters.")
    for place, (name, valid) in enumerate(_FIELDS.items()):
        _check_field(place, parts[place], name, valid)
    _check_it_fires(expression)
    return expression


def _check_field(place: int, part: str, name: str, valid: str) -> None:
    alone = ["*"] * len(_FIELDS)
    alone[place] = part
    try:
        CronSim(" ".join(alone), _ANY_TIME).explain()
    except (CronSimError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
        raise CronError("cron", f"{part!r} is no {name}. Give {valid}, {_FORMS}.") from None


def _check_it_fires(expression: str) -> None:
    try:
        next(CronSim(expression, _ANY_TIME))
    except (CronSimError, StopIteration):
        raise CronError(
            "cron", f"{expression!r} never fires: no month that it names has such a day."
        ) from None


def _zone(name: str) -> ZoneInfo:
    known = _zones()
    if name not in known:
        near = hint(name, known) if _NAME.fullmatch(name) else ""
        raise CronError(
            "zone",
            f"{name[:60]!r} is no IANA time zone, such as Europe/Paris or UTC."
            f"{near if near.startswith(' Did') else ''}",
        )
    return ZoneInfo(name)


_NAME = re.compile(r"[\w+-]{1,30}(/[\w+-]{1,30}){0,2}")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # "localtime" and "Factory" are this machine's own and nobody's.
    return frozenset(available_timezones()) - {"localtime", "Factory"}
