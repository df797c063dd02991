"""When a step waited, ran and backed off, as bars on the scale of its execution. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Phase = Literal["queue", "run", "backoff"]

SCALE = 1000.0
NARROWEST = 6.0  # in units of the scale: what is left of it on a phone can still be seen


@dataclass(frozen=True)
class Bar:
    """A part of a step's time; `x` and `width` are of SCALE."""

    phase: Phase
    x: float
    width: float


@dataclass(frozen=True)
class Timing:
    """What a step run says of its time; `attempts` are records as the engine keeps them."""

    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: Sequence[Mapping[str, Any]] = ()
    running: bool = False


def bars(timing: Timing, begin: datetime, end: datetime) -> tuple[Bar, ...]:
    """The step's bars on the time from `begin` to `end` (now, while the execution is open)."""
    whole = max((end - begin).total_seconds(), 0.001)

    def place(at: datetime) -> float:
        return min(max((at - begin).total_seconds() / whole, 0.0), 1.0) * SCALE

    found = []
    for phase, start, stop in _phases(timing, end):
        x, width = place(start), place(stop) - place(start)
        if phase == "run" and width < NARROWEST:
            x, width = min(x, SCALE - NARROWEST), NARROWEST
        width = round(width, 1)
        if width > 0:
            found.append(Bar(phase, round(x, 1), width))
    return tuple(found)


def _phases(timing: Timing, now: datetime) -> Iterator[tuple[Phase, datetime, datetime]]:
    if timing.queued_at is None:
        return
    tries = [_try(record) for record in timing.attempts]
    stop = timing.queued_at
    # The first start is the database's time; a worker's own clock may differ by a little.
    first = timing.started_at or (tries[0][0] if tries else None)
    yield "queue", stop, first or timing.finished_at or now
    if first is None:
        return
    shift = first - tries[0][0] if tries else timedelta()
    for number, (start, elapsed) in enumerate(tries):
        if number:
            yield "backoff", stop, start + shift
        stop = start + shift + elapsed
        yield "run", start + shift, stop
    if timing.running:
        yield "run", stop if tries else first, now
    elif timing.finished_at is None and tries:
        yield "backoff", stop, now


def _try(record: Mapping[str, Any]) -> tuple[datetime, timedelta]:
    return (
        datetime.fromisoformat(record["started_at"]),
        timedelta(milliseconds=record["elapsed_ms"]),
    )


def span(seconds: float) -> str:
    """A duration for people: `8 ms`, `1.24 s`, `2 min 03 s`, `1 h 02 min`."""
    if seconds < 0.9995:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
