"""What is shown of a schedule's fires; the verbs are tested through their doors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workflows import cron, schedules
from workflows.timetable import Timetable

MIDNIGHT = datetime(2031, 1, 6, tzinfo=UTC)


def test_a_slot_that_jitter_holds_back_is_among_the_next_fires() -> None:
    timetable = Timetable(cron.parse("0 * * * *", "UTC"), jitter=3600, seed="a")
    slot = next(timetable.after(MIDNIGHT))
    assert slot.at > slot.slot + timedelta(minutes=1)
    now = slot.slot + timedelta(seconds=30)
    shown = schedules.upcoming(timetable, MIDNIGHT, now)
    assert (shown[0].slot, shown[0].fires_at) == (slot.slot, slot.at)
    assert len(shown) == 10
    shown = schedules.upcoming(timetable, MIDNIGHT, slot.at)
    assert shown[0].slot == slot.slot + timedelta(hours=1)
    assert len(shown) == 10
