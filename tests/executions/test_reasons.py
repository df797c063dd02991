"""Why it waits, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions import reasons
from executions.reasons import Failure, Line
from workflows.definition import JSON

NOW = datetime(2026, 11, 27, 10, 30, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=65)
FAR = NOW + timedelta(days=3)
IDENT = UUID(int=7)
BUSY: dict[str, JSON] = {"kind": "status", "status": 503, "message": "The server answered 503."}


def line(ahead: int | None = 0, unseen: float | None = 1.0) -> Line:
    return Line(unseen=unseen, lost=6.0, ahead=ahead, most=1000)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (reasons.ready(line()), "Ready; the next free worker takes it."),
        (
            reasons.ready(line(1)),
            "Ready; the next free worker takes it (1 other of this tenant is ahead).",
        ),
        (
            reasons.ready(line(3)),
            "Ready; the next free worker takes it (3 others of this tenant are ahead).",
        ),
        (
            reasons.ready(line(None)),
            "Ready; the next free worker takes it "
            "(more than 1,000 others of this tenant are ahead).",
        ),
        (reasons.ready(line(3, 40.2)), "No worker is alive: none has been seen for 40 s."),
        (reasons.ready(line(3, None)), "No worker is alive: none has ever been seen."),
        (reasons.full(100), "The tenant has 100 executions running, as many as it may."),
        (
            reasons.held(1, [IDENT]),
            f"The workflow may have 1 execution at once; {IDENT} has the place.",
        ),
        (
            reasons.held(2, [IDENT, IDENT]),
            "The workflow may have 2 executions at once, and so many have not ended.",
        ),
        (
            reasons.held(2, [IDENT]),
            "A place among its workflow's executions is free; it begins within seconds.",
        ),
        (reasons.begins(SOON, NOW), "Begins at 10:31:05 UTC."),
        (
            reasons.retrying(Failure(2, 4, BUSY), SOON, NOW),
            "Try 2 of 4 failed with 503; the next is due at 10:31:05 UTC.",
        ),
        (
            reasons.retrying(Failure(1, None, {"kind": "timeout"}), SOON, NOW),
            "Try 1 failed because no answer came in time; the next is due at 10:31:05 UTC.",
        ),
        (
            reasons.retrying(Failure(1, 2, None), FAR, NOW),
            "Try 1 of 2 failed; the next is due at 2026-11-30 10:30 UTC.",
        ),
        (
            reasons.retrying_now(Failure(2, 4, BUSY), line(1)),
            "Try 2 of 4 failed with 503; the next free worker makes the next "
            "(1 other of this tenant is ahead).",
        ),
        (
            reasons.retrying_now(Failure(2, 4, BUSY), line(1, 7)),
            "No worker is alive: none has been seen for 7 s.",
        ),
        (reasons.waits(SOON, NOW), "Waits until 10:31:05 UTC."),
        (reasons.polls(1, SOON, NOW), "Has asked 1 time; asks again at 10:31:05 UTC."),
        (
            reasons.approval({"people": [], "roles": ["owner", "editor"]}, SOON, NOW),
            "Waits for an approval by owner or editor until 10:31:05 UTC.",
        ),
        (
            reasons.approval({"people": ["ann@x.example"], "roles": ["owner", "editor"]}, FAR, NOW),
            "Waits for an approval by ann@x.example, owner or editor until 2026-11-30 10:30 UTC.",
        ),
        (
            reasons.callback(SOON, NOW),
            "Waits for a call at its one-time address until 10:31:05 UTC.",
        ),
        (reasons.items(3, 10), "Waits for 3 of 10 items."),
        (reasons.workflow("bill", IDENT), f"Waits for the execution {IDENT} of bill."),
        (
            reasons.unknown(NOW, SOON),
            "It was sent at 10:30:00 UTC and no answer came; "
            "somebody has to say whether it was done.",
        ),
        (
            reasons.of_execution("ask", "Waits until 10:31:05 UTC.", 2),
            "ask: Waits until 10:31:05 UTC (2 other steps too).",
        ),
    ],
)
def test_each_reason_is_one_plain_sentence(said: str, expected: str) -> None:
    assert said == expected


moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis wants its bounds without zones
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(at=moments, now=moments)
def test_a_time_has_its_date_only_if_it_is_another_days(at: datetime, now: datetime) -> None:
    said = reasons.moment(at, now)
    assert said.endswith(" UTC")
    assert (f"{at:%Y-%m-%d}" in said) == (at.date() != now.date())


@given(ahead=st.integers(0, 1000) | st.none(), unseen=st.floats(0, 1e6) | st.none())
def test_a_line_that_nobody_serves_is_never_called_ready(
    ahead: int | None, unseen: float | None
) -> None:
    said = reasons.ready(line(ahead, unseen))
    served = unseen is not None and unseen < 6.0
    assert said.startswith("Ready") is served
    assert said.count(". ") == 0
