"""The generic cell rate algorithm (ITU-T I.371): a bucket that leaks, kept as one number. Pure.

A bucket's state is its theoretical arrival time: when it will be empty again. A full burst may come
at once; what was taken comes back evenly, one in each interval. Times are whole microseconds of one
clock. The script of tenants/limiter.py does the same sums within Redis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

SECOND = 1_000_000  # microseconds
MAX_COUNT = 1_000_000  # an interval is never less than a microsecond

_UNITS = {"s": 1, "min": 60, "h": 3600}
_RATE = re.compile(r"(?P<count>[0-9]{1,7})(?:/(?P<unit>s|min|h))?")


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds; both are above zero."""

    count: int
    seconds: int

    @cached_property
    def interval(self) -> int:
        """After so many microseconds one that was taken is back; rounded up, so never more."""
        return ceil(self.seconds * SECOND / self.count)

    @cached_property
    def tolerance(self) -> int:
        """How far ahead of the clock a bucket may be, in microseconds, and still give one."""
        return self.tolerance_for(1)

    def tolerance_for(self, cost: int) -> int:
        """As `tolerance`, to give so many at once."""
        return self.interval * (self.count - cost)

    def __str__(self) -> str:
        units = {seconds: unit for unit, seconds in _UNITS.items()}
        return f"{self.count}/{units.get(self.seconds, f'{self.seconds} s')}"


def parse(text: str) -> Rate | None:
    """Read a rate such as `100/min`; None for `0`, which is no limit. Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    if match is None or int(match["count"]) > MAX_COUNT:
        raise ValueError(f"{text!r} is no rate. Give e.g. 100/min, 5/s, or 0 for no limit")
    count, unit = int(match["count"]), match["unit"]
    if not count:
        return None
    if unit is None:
        raise ValueError(f"{text!r} does not say in which time. Give e.g. {count}/min")
    return Rate(count, _UNITS[unit])


@dataclass(frozen=True)
class Standing:
    """How a bucket stands at `now`: what is left of it and when there is more."""

    rate: Rate
    ahead: int  # microseconds until it is full again

    @property
    def remaining(self) -> int:
        """How many may be taken at once."""
        interval = self.rate.interval
        return max(0, (interval * self.rate.count - self.ahead) // interval)

    @property
    def reset(self) -> int:
        """Seconds, rounded up, until all of it may be taken at once."""
        return -(-self.ahead // SECOND)

    @property
    def wait(self) -> float:
        """Seconds until one may be taken; 0 if it may be now."""
        return max(0, self.ahead - self.rate.tolerance) / SECOND

    @property
    def retry_after(self) -> int:
        """`wait` in whole seconds, rounded up."""
        return ceil(self.wait)


@dataclass(frozen=True)
class Decision:
    """Whether one was taken of every bucket, and how they stand after that."""

    allowed: bool
    standings: tuple[Standing, ...]

    @property
    def refusing(self) -> Standing:
        """The bucket that must be waited for longest."""
        return max(self.standings, key=lambda standing: standing.wait)


def take(rates: Sequence[Rate], states: Iterable[int], now: int) -> tuple[bool, list[int]]:
    """Take one of every bucket, or of none if one of them has none: whether, and the new states."""
    starts = [max(state, now) for state in states]
    pairs = list(zip(rates, starts, strict=True))
    if any(start - now > rate.tolerance for rate, start in pairs):
        return False, starts
    return True, [start + rate.interval for rate, start in pairs]


def decision(allowed: bool, rates: Sequence[Rate], states: Iterable[int], now: int) -> Decision:
    """What the states that `take` left mean."""
    pairs = zip(rates, states, strict=True)
    return Decision(allowed, tuple(Standing(rate, max(0, state - now)) for rate, state in pairs))
