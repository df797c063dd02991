"""What becomes of slots that are late, and by how much a slot fires later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import cron
from workflows.timetable import GRACE, LOOK, Decision, Misfire, Policy, Timetable, decide

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY, MINUTELY = cron.parse("0 * * * *", "UTC"), cron.parse("* * * * *", "UTC")
POLICIES = st.builds(
    Policy, st.sampled_from(["skip", "once", "all"]), st.integers(min_value=1, max_value=1000)
)


def hours(*numbers: int) -> list[datetime]:
    return [NOON + HOUR * number for number in numbers]


# --- Late --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("misfire", "most", "missed", "fire"),
    [
        ("skip", 1, [1, 2, 3, 4], []),
        ("once", 1, [1, 2, 3], [4]),
        ("all", 1, [1, 2, 3], [4]),
        ("all", 3, [1], [2, 3, 4]),
        ("all", 9, [], [1, 2, 3, 4]),
    ],
)
def test_what_becomes_of_slots_that_are_late(
    misfire: Misfire, most: int, missed: list[int], fire: list[int]
) -> None:
    now = NOON + 4.5 * HOUR
    decision = decide(Timetable(HOURLY), NOON, now, Policy(misfire, most))
    assert decision == Decision(hours(*missed), hours(*fire))


@pytest.mark.parametrize("misfire", ["skip", "once", "all"])
def test_a_slot_that_is_on_time_is_always_fired(misfire: Misfire) -> None:
    on_time = decide(Timetable(HOURLY), NOON, NOON + HOUR + GRACE, Policy(misfire, 1))
    assert on_time == Decision([], hours(1))


def test_beside_a_slot_that_is_on_time_as_many_late_ones_are_fired() -> None:
    decision = decide(Timetable(HOURLY), NOON, NOON + 3 * HOUR, Policy("once"))
    assert decision == Decision(hours(1), hours(2, 3))


def test_nothing_is_due_before_its_time() -> None:
    early = NOON + HOUR - timedelta(microseconds=1)
    assert decide(Timetable(HOURLY), NOON, early, Policy("all")) == Decision([], [])


def test_a_schedule_has_no_slots_after_its_end() -> None:
    ended = Timetable(HOURLY, ends_at=NOON + 2 * HOUR)
    assert decide(ended, NOON, NOON + 9 * HOUR, Policy("all")).fire == hours(1, 2)
    assert ended.next_at(NOON + 2 * HOUR) is None


@settings(derandomize=True, max_examples=25)
@given(POLICIES, st.integers(min_value=1, max_value=3 * LOOK))
def test_however_many_are_late_the_same_ones_are_fired(policy: Policy, count: int) -> None:
    """Also when they are too many for one decision."""
    table, handled = Timetable(MINUTELY), NOON
    now = NOON + timedelta(minutes=count) + GRACE / 2  # the last is on time
    missed: list[datetime] = []
    fired: list[datetime] = []
    while not fired:
        decision = decide(table, handled, now, policy)
        missed += decision.missed
        fired += decision.fire
        handled = max([handled, *missed, *fired])
    every = [NOON + timedelta(minutes=number) for number in range(1, count + 1)]
    assert missed + fired == every
    assert len(fired) == min(count, 1 + policy.kept)


@settings(derandomize=True, max_examples=200)
@given(POLICIES, st.lists(st.integers(min_value=-90, max_value=90), min_size=1, max_size=30))
def test_a_clock_that_jumps_handles_each_slot_once(policy: Policy, steps: list[int]) -> None:
    """Ticks while the clock steps back and forth by up to an hour and a half."""
    table, handled, now = Timetable(MINUTELY), NOON, NOON
    seen: list[datetime] = []
    for step in steps:
        now += timedelta(minutes=step)
        decision = decide(table, handled, now, policy)
        seen += decision.missed + decision.fire
        handled = max([handled, *seen])
    assert seen == sorted(set(seen))
    assert seen == [NOON + timedelta(minutes=number) for number in range(1, len(seen) + 1)]


# --- Jitter ------------------------------------------------------------------------------------

TABLES = st.builds(
    Timetable,
    st.sampled_from([HOURLY, MINUTELY, cron.parse("0,1 3 * * *", "Europe/Paris")]),
    jitter=st.integers(min_value=0, max_value=3600),
    seed=st.uuids().map(str),
)


@settings(derandomize=True, max_examples=200)
@given(TABLES)
def test_jitter_is_the_same_each_time_and_keeps_slots_in_order(table: Timetable) -> None:
    dues = list(islice(table.after(NOON), 20))
    assert list(islice(table.after(NOON), 20)) == dues
    assert [due.at for due in dues] == sorted({due.at for due in dues})
    for due in dues:
        assert timedelta(0) <= due.at - due.slot <= timedelta(seconds=table.jitter)


def test_jitter_spreads_the_schedules_of_one_time() -> None:
    daily = cron.parse("0 3 * * *", "UTC")
    delays = [
        (next(table.after(NOON)).at - next(table.after(NOON)).slot).total_seconds()
        for table in (Timetable(daily, 600, f"{seed}") for seed in range(200))
    ]
    assert min(delays) < 100
    assert max(delays) > 500
    assert 250 < sum(delays) / len(delays) < 350


def test_a_slot_is_not_due_before_its_jitter_is_over() -> None:
    table = Timetable(HOURLY, 3600, "seed")
    (due,) = islice(table.after(NOON), 1)
    assert due.at > due.slot
    before = due.at - timedelta(microseconds=1)
    assert decide(table, NOON, before, Policy()) == Decision([], [])
    assert decide(table, NOON, due.at, Policy()) == Decision([], [due.slot])
