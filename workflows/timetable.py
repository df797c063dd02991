"""When a schedule fires, and what becomes of slots that nobody was there to fire.

A **slot** is a time at which the expression says that a run is due: it is what a schedule's runs
are counted by. It fires up to `jitter` seconds later, always as much for the same slot. Everything
here is a pure function of its arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

from workflows.cron import Cron

GRACE = timedelta(seconds=60)
"""A slot that fires within this time of its own is on time; after that it is late."""
MAX_CATCH_UP = 1000
LOOK = 2 * MAX_CATCH_UP
"""Slots that are decided on at once; with more, the rest is left to the next time."""

OUTCOMES = ("started", "waiting", "skipped_overlap", "missed", "refused")
"""What may become of a slot (docs/SCHEDULES.md)."""

Misfire = Literal["skip", "once", "all"]


@dataclass(frozen=True)
class Due:
    """A slot, and when it fires."""

    slot: datetime
    at: datetime


@dataclass(frozen=True)
class Timetable:
    """The slots of one schedule. `seed` is what its jitter depends on, beside the slot."""

    cron: Cron
    jitter: int = 0
    seed: str = ""
    ends_at: datetime | None = None

    def after(self, handled: datetime) -> Iterator[Due]:
        """The slots later than `handled`, until the schedule ends."""
        slots = self.cron.after(handled)
        slot = next(slots, None)
        while slot is not None and (self.ends_at is None or slot <= self.ends_at):
            following = next(slots, None)
            yield Due(slot, slot + self._delay(slot, following))
            slot = following

    def next_at(self, handled: datetime) -> datetime | None:
        """When the first slot later than `handled` fires; None: the schedule has ended."""
        due = next(self.after(handled), None)
        return None if due is None else due.at

    def _delay(self, slot: datetime, following: datetime | None) -> timedelta:
        """Less than the time to the following slot, so that slots fire in their order."""
        most = timedelta(seconds=self.jitter)
        if following is not None:
            most = min(most, following - slot)
        digest = hashlib.sha256(f"{self.seed} {slot.isoformat()}".encode()).digest()
        share = int.from_bytes(digest[:8]) / 2**64
        return timedelta(seconds=int(most.total_seconds() * share))


@dataclass(frozen=True)
class Policy:
    """Which of the slots that are late are still run: none, the newest one, the newest `most`."""

    misfire: Misfire = "once"
    most: int = MAX_CATCH_UP

    @property
    def kept(self) -> int:
        return {"skip": 0, "once": 1, "all": self.most}[self.misfire]


@dataclass(frozen=True)
class Decision:
    """What to do with the slots that are due: each is in one of the lists, oldest first.

    `missed` are all older than those to `fire`.
    """

    missed: list[datetime]
    fire: list[datetime]


def decide(timetable: Timetable, handled: datetime, now: datetime, policy: Policy) -> Decision:
    """What to do at `now`, when all slots up to `handled` are dealt with.

    Slots that are on time are run. With LOOK slots or more only the oldest are decided on, which
    are missed.
    """
    due = list(islice(takewhile(lambda one: one.at <= now, timetable.after(handled)), LOOK))
    on_time = sum(now - one.at <= GRACE for one in due)
    slots = [one.slot for one in due]
    missed = max(0, len(slots) - on_time - policy.kept)
    return Decision(slots[:missed], slots[missed:] if len(due) < LOOK else [])
