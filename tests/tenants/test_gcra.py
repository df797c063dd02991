"""The sums of a bucket that leaks: tables, and a model that counts one by one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants import gcra
from tenants.gcra import SECOND, Rate, Standing

rates = st.builds(Rate, st.integers(1, 50), st.sampled_from([1, 60, 3600]))
pauses = st.lists(st.integers(0, 90 * SECOND), min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/min", Rate(100, 60)),
        (" 5/s ", Rate(5, 1)),
        ("1000000/h", Rate(1_000_000, 3600)),
        ("0", None),
        ("0/min", None),
    ],
)
def test_a_rate_is_a_count_in_a_time(text: str, rate: Rate | None) -> None:
    assert gcra.parse(text) == rate


@pytest.mark.parametrize("text", ["", "100", "100/day", "-1/s", "1.5/s", "1000001/s", "5 /s", "/s"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"Give e\.g\. [0-9]+/min"):
        gcra.parse(text)


@given(rates)
def test_a_rate_is_written_as_it_is_read(rate: Rate) -> None:
    assert gcra.parse(str(rate)) == rate


def test_a_burst_may_come_at_once_and_comes_back_evenly() -> None:
    rate, state = Rate(3, 60), 0
    taken = []
    for second in (0, 0, 0, 0, 19, 20, 20, 39, 40, 100, 100, 100, 100):
        allowed, (state,) = gcra.take([rate], [state], 1000 * SECOND + second * SECOND)
        taken.append(allowed)
    yes, no = True, False
    assert taken == [yes, yes, yes, no, no, yes, no, no, yes, yes, yes, yes, no]


@given(rates, pauses)
def test_never_more_than_the_burst_and_what_came_back_since(rate: Rate, pauses: list[int]) -> None:
    """The oracle is a bucket that holds exact fractions of a token."""
    now, state, tokens = 10**15, 0, Fraction(rate.count)
    for pause in pauses:
        now += pause
        tokens = min(Fraction(rate.count), tokens + Fraction(pause, rate.interval))
        allowed, (state,) = gcra.take([rate], [state], now)
        assert allowed == (tokens >= 1)
        tokens -= allowed
        assert Standing(rate, max(0, state - now)).remaining == int(tokens)


@given(st.lists(rates, min_size=2, max_size=3), pauses)
def test_of_several_buckets_all_give_one_or_none_does(rates: list[Rate], pauses: list[int]) -> None:
    now, states = 10**15, [0] * len(rates)
    for pause in pauses:
        now += pause
        alone = [gcra.take([rate], [state], now) for rate, state in zip(rates, states, strict=True)]
        allowed, after = gcra.take(rates, states, now)
        assert allowed == all(one for one, _ in alone)
        if allowed:
            assert after == [state for _, (state,) in alone]
        else:
            assert after == [max(state, now) for state in states]
        states = after


@given(rates, pauses)
def test_who_waits_as_long_as_is_said_gets_one_and_who_waits_less_does_not(
    rate: Rate, pauses: list[int]
) -> None:
    now, state = 10**15, 0
    for pause in pauses:
        now += pause
        allowed, (state,) = gcra.take([rate], [state], now)
        if not allowed:
            ahead = Standing(rate, state - now).ahead - rate.tolerance
            assert gcra.take([rate], [state], now + ahead)[0]
            assert not gcra.take([rate], [state], now + ahead - 1)[0]


def test_seconds_are_rounded_up() -> None:
    standing = Standing(Rate(2, 60), 60 * SECOND + 1)
    assert (standing.remaining, standing.reset, standing.retry_after) == (0, 61, 31)


def test_the_bucket_that_takes_longest_is_named() -> None:
    fast, slow = Rate(1, 1), Rate(1, 60)
    decision = gcra.decision(False, [fast, slow], [1 * SECOND, 60 * SECOND], 0)
    assert decision.refusing.rate == slow
