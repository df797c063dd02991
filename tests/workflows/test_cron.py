"""Cron expressions: what is refused, what they say, and when they fire, against a slow reference.

The reference steps through ten years a quarter of an hour at a time and looks at each minute; it
shares no code with cronsim and knows of daylight saving only what the time zone's data say.
"""

from __future__ import annotations

import calendar
import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.cron import CronError, parse

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)  # every change of an offset in these zones falls on one
ZONES = [
    "UTC",
    "Europe/Paris",
    "America/Santiago",  # its clocks change at midnight
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Asia/Kathmandu",  # 5:45 ahead, without any
]


# --- The reference -----------------------------------------------------------------------------


class Reference:
    """Lists of what each field allows, made of the few forms that the tests use."""

    def __init__(self, expression: str) -> None:
        minute, hour, day, month, weekday = expression.split()
        self.minutes, self.hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
        self.days, self.months = numbers(day, 1, 31), numbers(month, 1, 12)
        self.weekdays = {number % 7 for number in numbers(weekday, 0, 7)}
        self.both_days = day.startswith("*") or weekday.startswith("*")
        self.fixed = not minute.startswith("*") and not hour.startswith("*")
        self.last_day = day == "L"

    def takes(self, day: date) -> bool:
        in_month = day.day in self.days or (
            self.last_day and day.day == calendar.monthrange(day.year, day.month)[1]
        )
        in_week = day.isoweekday() % 7 in self.weekdays
        fits = (in_month and in_week) if self.both_days else (in_month or in_week)
        return fits and day.month in self.months

    def matches(self, local: datetime) -> bool:
        return (
            local.hour in self.hours and local.minute in self.minutes and self.takes(local.date())
        )


def numbers(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        start, _, end = span.partition("-")
        if span == "*":
            start, end = str(low), str(high)
        if span != "L":
            found |= set(
                range(int(start), int(end or (high if step else start)) + 1, int(step or 1))
            )
    return found


@lru_cache(maxsize=1)
def quarters(zone: str) -> list[tuple[datetime, datetime]]:
    """Each quarter of an hour: its beginning in UTC and on the zone's clock."""
    info = ZoneInfo(zone)
    count = (LAST - FIRST) // QUARTER
    instants = (FIRST + QUARTER * number for number in range(count))
    return [(instant, instant.astimezone(info)) for instant in instants]


def expected(expression: str, zone: str) -> Iterator[datetime]:
    rule = Reference(expression)
    taken: dict[date, bool] = {}
    clock = quarters(zone)[0][1].replace(tzinfo=None)
    for instant, local in quarters(zone):
        here = local.replace(tzinfo=None)
        due = rule.fixed and here > clock and any(rule.matches(one) for one in minutes(clock, here))
        clock = here + QUARTER
        if due:
            yield instant  # what the gap left out
        if local.hour not in rule.hours or (rule.fixed and local.fold):
            continue
        if not taken.setdefault(here.date(), rule.takes(here.date())):
            continue
        for minute in range(1 if due else 0, 15):
            if local.minute + minute in rule.minutes:
                yield instant + timedelta(minutes=minute)


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += timedelta(minutes=1)


@pytest.mark.parametrize("zone", ZONES)
def test_ten_years_of_fires_are_those_of_the_reference(zone: str) -> None:
    for expression in (
        "30 2 * * *",  # inside the gap and the repeated hour of most zones
        "0,15,45 1-3 * * 0",  # on Sundays, when clocks change
        "*/30 0-3 * 3,4,9-11 0",  # by real time
        "*/20 2 * * *",
        "0 0 29 2 *",
        "5 0 * * *",
        "59 23 L * *",
        "0 12 13 * 5",  # either day
        "17 */7 1-7/2 */3 *",
    ):
        rule = parse(expression, zone)
        fires = takewhile(lambda fire: fire < LAST, rule.after(FIRST - timedelta(minutes=1)))
        assert list(fires) == list(expected(expression, zone)), expression


# --- Properties --------------------------------------------------------------------------------


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.tuples(st.just("*") | spans, st.integers(1, 20)).map(
        lambda two: f"{two[0]}/{two[1]}"
    )
    one = st.just("*") | number.map(str) | spans | steps
    return st.lists(one, min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(
    " ".join
)
MOMENTS = st.integers(0, int((LAST - FIRST).total_seconds())).map(
    lambda seconds: FIRST + timedelta(seconds=seconds)
)


@settings(derandomize=True, max_examples=300)
@given(EXPRESSIONS, st.sampled_from(ZONES), MOMENTS)
def test_fires_are_in_the_future_and_strictly_increase(
    expression: str, zone: str, moment: datetime
) -> None:
    times = [moment]
    for fire in parse(expression, zone).after(moment):
        assert fire > times[-1]
        times.append(fire)
        if len(times) > 12:
            break
    assert len(times) > 1


@settings(derandomize=True, max_examples=300)
@given(EXPRESSIONS, st.sampled_from(ZONES), MOMENTS)
def test_the_fire_after_a_fire_is_the_same_wherever_one_starts_to_look(
    expression: str, zone: str, moment: datetime
) -> None:
    """What was handled last says all: a ticker needs no other memory."""
    rule = parse(expression, zone)
    fires = rule.after(moment)
    first, second = next(fires), next(fires)
    assert next(rule.after(first)) == second
    assert next(rule.after(second - timedelta(microseconds=1))) == second


@settings(derandomize=True, max_examples=500)
@given(st.text(alphabet="0123456789*/-,LW#? \tMONJAN²é", max_size=40), st.text(max_size=20))
def test_nothing_but_a_clear_refusal_comes_of_nonsense(expression: str, zone: str) -> None:
    for given_zone in ("UTC", zone):
        with contextlib.suppress(CronError):
            parse(expression, given_zone)


# --- Marks, words, refusals --------------------------------------------------------------------


def shown(expression: str, zone: str, after: str, count: int) -> list[tuple[str, str | None]]:
    rule = parse(expression, zone)
    instants = islice(rule.after(datetime.fromisoformat(after)), count)
    fires = [rule.fire(instant) for instant in instants]
    return [(fire.at.isoformat(timespec="minutes"), fire.mark) for fire in fires]


def test_a_time_that_does_not_exist_fires_after_the_gap() -> None:
    assert shown("30 2 * * *", "Europe/Paris", "2026-03-28T12:00Z", 2) == [
        ("2026-03-29T03:00+02:00", "after_gap"),
        ("2026-03-30T02:30+02:00", None),
    ]


def test_a_time_that_comes_twice_fires_the_first_time() -> None:
    assert shown("30 2 * * *", "Europe/Paris", "2026-10-24T12:00Z", 2) == [
        ("2026-10-25T02:30+02:00", "repeated_hour"),
        ("2026-10-26T02:30+01:00", None),
    ]


def test_real_time_goes_on_through_the_repeated_hour() -> None:
    assert shown("*/30 * * * *", "Europe/Paris", "2026-10-25T00:15Z", 4) == [
        ("2026-10-25T02:30+02:00", "repeated_hour"),
        ("2026-10-25T02:00+01:00", "repeated_hour"),
        ("2026-10-25T02:30+01:00", "repeated_hour"),
        ("2026-10-25T03:00+01:00", None),
    ]


def test_half_an_hour_of_daylight_saving_loses_no_fire() -> None:
    """cronsim alone goes from 00:17 to 14:17."""
    assert shown("17 */7 * * *", "Australia/Lord_Howe", "2026-04-04T22:00+11:00", 3) == [
        ("2026-04-05T00:17+11:00", None),
        ("2026-04-05T07:17+10:30", None),
        ("2026-04-05T14:17+10:30", None),
    ]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1-5", "At 09:00 on Monday through Friday"),
        ("*/15 * * * *", "Every 15th minute of every hour"),
        ("0 0 l * *", "At 00:00 on the last day of every month"),
        ("  0   0 1 jan *  ", "At 00:00 on January 1"),
    ],
)
def test_an_expression_is_told_in_words(expression: str, words: str) -> None:
    assert parse(expression, "UTC").words == words


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("", "five fields (minute, hour, day of month, month, day of week), not 0"),
        ("* * * *", "not 4"),
        ("0 * * * * *", "not 6"),
        ("@daily", "30 9 * * 1-5"),
        ("60 * * * *", "'60' is no minute. Give 0-59"),
        ("* 24 * * *", "'24' is no hour. Give 0-23"),
        ("* * 0 * *", "'0' is no day of month. Give 1-31"),
        ("* * * 13 *", "'13' is no month. Give 1-12 or JAN-DEC"),
        ("* * * * FRY", "'FRY' is no day of week. Give 0-7"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("* * ? * *", "'?' is no day of month"),
        ("R * * * *", "'R' is no minute"),
        ("0 0 31 2 *", "never fires"),
        ("0 0 */31 2 1#5", "never fires"),
        ("1," * 60 + "1 * * * *", "at most 100 characters"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_would_be(expression: str, part: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(expression, "UTC")
    assert caught.value.field == "cron"
    assert part in caught.value.message


@pytest.mark.parametrize(
    ("zone", "part"),
    [
        ("Europe/Pariss", 'Did you mean "Europe/Paris"?'),
        ("CEST", "'CEST' is no IANA time zone, such as Europe/Paris or UTC."),
        ("../../etc/passwd", "is no IANA time zone"),
        ("localtime", "is no IANA time zone"),
        ("", "is no IANA time zone"),
    ],
)
def test_what_is_no_zone_is_refused(zone: str, part: str) -> None:
    with pytest.raises(CronError) as caught:
        parse("* * * * *", zone)
    assert caught.value.field == "zone"
    assert part in caught.value.message
