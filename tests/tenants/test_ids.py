"""Ids as a scale of time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat
from hypothesis import given
from hypothesis import strategies as st

from tenants import ids

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def made_at(milliseconds: int) -> UUID:
    return uuid_utils.compat.uuid7(nanoseconds=milliseconds * 1_000_000)


@given(MOMENTS)
def test_no_id_of_the_moment_is_smaller_and_all_before_it_are(moment: datetime) -> None:
    first = ids.first_at(moment)
    assert first.version == 7
    assert ids.FIRST < first < ids.LAST
    milliseconds = int(moment.timestamp() * 1000)
    assert made_at(milliseconds - 1) < first <= made_at(milliseconds)


@given(MOMENTS, MOMENTS)
def test_later_moments_have_larger_ids(one: datetime, other: datetime) -> None:
    if abs((one - other).total_seconds()) >= 0.002:
        assert (one < other) == (ids.first_at(one) < ids.first_at(other))
