"""Bars and durations of an execution's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.timeline import SCALE, Timing, bars, span

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def one_try(start: float, elapsed: float) -> dict[str, object]:
    return {"started_at": at(start).isoformat(), "elapsed_ms": elapsed * 1000}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0084, "8 ms"),
        (0.9996, "1.00 s"),
        (1.239, "1.24 s"),
        (59.996, "1 min 00 s"),
        (123.4, "2 min 03 s"),
        (3599.6, "1 h 00 min"),
        (3725, "1 h 02 min"),
        (-1, "0 ms"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_step_waits_runs_backs_off_and_runs_again() -> None:
    timing = Timing(at(1), at(2), at(10), [one_try(2, 2), one_try(8, 2)])
    assert [(bar.phase, bar.x, bar.width) for bar in bars(timing, BEGIN, at(10))] == [
        ("queue", 100, 100),
        ("run", 200, 200),
        ("backoff", 400, 400),
        ("run", 800, 200),
    ]


def test_a_worker_with_another_clock_does_not_move_the_bars() -> None:
    timing = Timing(at(0), at(5), at(7), [one_try(3605, 2)])
    assert [(bar.phase, bar.x) for bar in bars(timing, BEGIN, at(10))] == [
        ("queue", 0),
        ("run", 500),
    ]


def test_a_running_step_runs_until_now() -> None:
    timing = Timing(at(0), at(4), None, running=True)
    assert [(bar.phase, bar.x, bar.width) for bar in bars(timing, BEGIN, at(8))] == [
        ("queue", 0, 500),
        ("run", 500, 500),
    ]


def test_a_step_that_waits_for_its_next_try_backs_off_until_now() -> None:
    timing = Timing(at(0), at(0), None, [one_try(0, 2)])
    assert [bar.phase for bar in bars(timing, BEGIN, at(8))] == ["run", "backoff"]


def test_a_step_that_was_never_ready_has_no_bars() -> None:
    assert bars(Timing(None, None, at(3)), BEGIN, at(4)) == ()


def test_a_bar_that_would_round_to_nothing_is_left_out() -> None:
    timing = Timing(at(0), at(0.00006), at(2))
    assert [bar.phase for bar in bars(timing, BEGIN, at(2))] == []


moments = st.floats(-10, 100)


@given(moments, moments, st.lists(st.tuples(moments, st.floats(0, 50)), max_size=4), moments)
def test_no_bar_leaves_the_scale(
    queued: float, started: float, tries: list[tuple[float, float]], end: float
) -> None:
    timing = Timing(at(queued), at(started), at(end), [one_try(*one) for one in tries])
    for bar in bars(timing, BEGIN, at(end)):
        assert bar.width > 0
        assert bar.x >= 0
        assert bar.x + bar.width <= SCALE + 0.2  # both are rounded to a tenth
