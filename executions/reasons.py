"""Why a step or an execution stands still, each time in one plain sentence. Pure.

What is true is found by `services/explaining.py`; here it is put into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from workflows.definition import JSON

_KINDS = {
    "connect": "because nothing could be reached",
    "timeout": "because no answer came in time",
    "broken": "because the connection broke",
}


@dataclass(frozen=True)
class Line:
    """Where work that is due stands in its tenant's line, and whether anybody serves it.

    `unseen` is for how many seconds no worker has been seen, None if none ever was; from `lost` on
    none is alive. `ahead` is None where it is more than `most`.
    """

    unseen: float | None
    lost: float
    ahead: int | None
    most: int

    @property
    def is_served(self) -> bool:
        return self.unseen is not None and self.unseen < self.lost


def ready(line: Line) -> str:
    """For a step, or a whole run, that any worker could take now."""
    if not line.is_served:
        return no_worker(line.unseen)
    return f"Ready; the next free worker takes it{_ahead(line)}."


def no_worker(unseen: float | None) -> str:
    if unseen is None:
        return "No worker is alive: none has ever been seen."
    return f"No worker is alive: none has been seen for {unseen:.0f} s."


def _ahead(line: Line) -> str:
    match line.ahead:
        case 0:
            return ""
        case 1:
            return " (1 other of this tenant is ahead)"
        case None:
            return f" (more than {line.most:,} others of this tenant are ahead)"
        case count:
            return f" ({count:,} others of this tenant are ahead)"


def full(most: int) -> str:
    """For a run that may not begin because of its tenant's other ones."""
    return f"The tenant has {_count(most, 'execution')} running, as many as it may."


def held(most: int, holders: Sequence[UUID]) -> str:
    """For a run that waits for a place among those of its workflow."""
    if len(holders) < most:
        return "A place among its workflow's executions is free; it begins within seconds."
    may = f"The workflow may have {_count(most, 'execution')} at once"
    if most == 1:
        return f"{may}; {holders[0]} has the place."
    return f"{may}, and so many have not ended."


def begins(at: datetime, now: datetime) -> str:
    """For a run that was put off."""
    return f"Begins at {moment(at, now)}."


@dataclass(frozen=True)
class Failure:
    """The last try of a step, and how many its policy allows; None if that is not known."""

    attempt: int
    attempts: int | None
    error: JSON


def retrying(failure: Failure, due: datetime, now: datetime) -> str:
    """For a step that is tried again later."""
    return f"{_failed(failure)}; the next is due at {moment(due, now)}."


def retrying_now(failure: Failure, line: Line) -> str:
    """For a step whose next try is due."""
    if not line.is_served:
        return no_worker(line.unseen)
    return f"{_failed(failure)}; the next free worker makes the next{_ahead(line)}."


def _failed(failure: Failure) -> str:
    which = f"Try {failure.attempt}"
    if failure.attempts is not None:
        which = f"{which} of {failure.attempts}"
    match failure.error:
        case {"kind": "status", "status": int(status)}:
            return f"{which} failed with {status}"
        case {"kind": str(kind)} if kind in _KINDS:
            return f"{which} failed {_KINDS[kind]}"
        case _:
            return f"{which} failed"


def waits(until: datetime | None, now: datetime) -> str:
    """For a step that waits for nothing but a time."""
    return f"Waits{_until(until, now)}."


def polls(tries: int, due: datetime, now: datetime) -> str:
    """For a step that asks again and again."""
    return f"Has asked {_count(tries, 'time')}; asks again at {moment(due, now)}."


def approval(ask: Mapping[str, JSON], until: datetime | None, now: datetime) -> str:
    """For a step that somebody has to approve."""
    asked = [*_names(ask.get("people")), *_names(ask.get("roles"))]
    by = f" by {_one_of(asked)}" if asked else ""
    return f"Waits for an approval{by}{_until(until, now)}."


def callback(until: datetime | None, now: datetime) -> str:
    """For a step that another system has to call."""
    return f"Waits for a call at its one-time address{_until(until, now)}."


def items(left: int, total: int) -> str:
    """For a step whose items have not all ended."""
    return f"Waits for {left} of {_count(total, 'item')}."


def workflow(slug: str, execution: UUID | None) -> str:
    """For a step that waits for another workflow's run."""
    which = f"the execution {execution} of {slug}" if execution else f"an execution of {slug}"
    return f"Waits for {which}."


def unknown(sent_at: datetime | None, now: datetime) -> str:
    """For a step whose call may have been done."""
    when = f" at {moment(sent_at, now)}" if sent_at else ""
    return f"It was sent{when} and no answer came; somebody has to say whether it was done."


def of_execution(step: str, reason: str, others: int) -> str:
    """For a run whose open steps all wait: the reason of the one that matters most."""
    more = f" ({_count(others, 'other step')} too)" if others else ""
    return f"{step}: {reason.removesuffix('.')}{more}."


def moment(at: datetime, now: datetime) -> str:
    """A time in UTC; of another day with its date."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M:%S} UTC"
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _until(until: datetime | None, now: datetime) -> str:
    return f" until {moment(until, now)}" if until else ""


def _names(value: JSON) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _one_of(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
