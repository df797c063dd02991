"""Cron expressions of five fields in a time zone: checked, told in words, and when they fire.

An expression of fixed times fires as Debian's cron does: a time that is skipped when clocks go
forward fires right after the gap, one that comes twice when they go back fires the first time only.
Where the minute or the hour begins with `*` the expression follows real time instead.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    """A checked expression in its zone; `parse` makes it.

    cronsim says at which times of the clock it fires; which instants those are is found here, since
    with a zone cronsim loses fires where clocks are changed by half an hour.
    """

    expression: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[datetime]:
        """When it fires after an instant, in UTC, each later than the one before."""
        last = instant.astimezone(UTC)
        for fire in self._from(instant):
            # Several skipped times become one, perhaps that of a time right after the gap.
            if fire > last:
                last = fire
                yield fire

    def fire(self, instant: datetime) -> Fire:
        """One of its fires, as people are to see it."""
        local = instant.astimezone(self.zone)
        rule = CronSim(self.expression, _ANY_TIME)
        if local.hour not in rule.hours or local.minute not in rule.minutes:
            return Fire(local, "after_gap")
        first, second = self._offsets(local)
        return Fire(local, "repeated_hour" if first > second else None)

    def instant(self, wall: datetime) -> datetime | None:
        """When clocks in its zone show this time, in UTC: the first time, if they show it twice.

        None: they skip it. Raises OverflowError at the ends of the calendar.
        """
        first, second = self._offsets(wall)
        return None if first < second else _utc(wall, first)

    def local(self, instant: datetime) -> datetime:
        """An instant in its zone; in UTC at the ends of the calendar."""
        try:
            return instant.astimezone(self.zone)
        except OverflowError:
            return instant.astimezone(UTC)

    def next_on_clocks(self, skipped: datetime) -> datetime:
        """What clocks in its zone show right after the gap in which this time is skipped."""
        return self._after_gap(skipped).astimezone(self.zone).replace(tzinfo=None)

    @property
    def words(self) -> str:
        """The expression as a sentence without a full stop."""
        return CronSim(self.expression, _ANY_TIME).explain()

    @property
    def _is_fixed(self) -> bool:
        minute, hour, *_ = self.expression.split()
        return not minute.startswith("*") and not hour.startswith("*")

    def _from(self, instant: datetime) -> Iterator[datetime]:
        """The fires in their order, perhaps with some that are not after the instant."""
        local = instant.astimezone(self.zone)
        first, second = self._offsets(local)
        # In a repeated hour the times before this one may be yet to come again.
        clock = local.replace(tzinfo=None) - max(first - second, timedelta(0))
        again: deque[datetime] = deque()
        for wall in CronSim(self.expression, clock):
            first, second = self._offsets(wall)
            if first < second and not self._is_fixed:
                continue  # skipped
            fire = self._after_gap(wall) if first < second else _utc(wall, first)
            while again and again[0] < fire:
                yield again.popleft()
            yield fire
            if first > second and not self._is_fixed:
                again.append(_utc(wall, second))

    def _offsets(self, wall: datetime) -> tuple[timedelta, timedelta]:
        """The zone's offsets from UTC before and after a change, if the clock shows this then.

        The first is the larger one of a time that comes twice, the smaller one of a skipped time.
        """
        before, after = (wall.replace(tzinfo=self.zone, fold=fold).utcoffset() for fold in (0, 1))
        return before or timedelta(0), after or timedelta(0)

    def _after_gap(self, wall: datetime) -> datetime:
        first, second = self._offsets(wall)
        while first < second:
            wall += timedelta(minutes=1)
            first, second = self._offsets(wall)
        return _utc(wall, first)


def _utc(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


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
