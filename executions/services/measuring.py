"""What an operator measures of the engine, over all tenants; tests of drafts are left out.

Each figure is found by an index, and none names a tenant: neither the cost nor the number of
figures grows with the number of tenants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from executions.states import EXECUTION_ENDED
from tenants import scope
from workflows.cron import CronError
from workflows.models import Schedule
from workflows.timetable import OUTCOMES

# Every part is what an index holds, word for word (executions/models.py).
_STATE = """
SELECT
  (SELECT count(*) FROM executions_execution
   WHERE status = 'queued' AND item_index IS NULL AND NOT held AND NOT test),
  (SELECT count(*) FROM executions_execution
   WHERE limited AND status IN ('queued', 'running', 'waiting') AND held AND NOT test),
  (SELECT count(*) FROM executions_execution WHERE status = 'running' AND NOT test),
  (SELECT count(*) FROM executions_execution WHERE status = 'waiting' AND NOT test),
  (SELECT extract(epoch FROM now() - min(due_at)) FROM executions_execution
   WHERE status = 'queued' AND item_index IS NULL AND NOT held AND NOT test AND due_at <= now()),
  ready.steps, ready.age,
  (SELECT count(*) FROM executions_steprun s
   JOIN executions_execution e ON e.tenant_id = s.tenant_id AND e.id = s.execution_id
   WHERE s.status = 'unknown' AND NOT e.test),
  leased.all_of_them, leased.over,
  (SELECT count(*) FROM executions_worker
   WHERE seen_at > now() - make_interval(secs => %(lost)s)),
  (SELECT extract(epoch FROM now() - min(next_at)) FROM workflows_schedule
   WHERE next_at IS NOT NULL AND next_at <= now())
FROM (
  SELECT count(*) AS steps, extract(epoch FROM now() - min(due_at)) AS age
  FROM executions_steprun
  WHERE status IN ('queued', 'retrying', 'waiting') AND due_at IS NOT NULL AND due_at <= now()
) AS ready CROSS JOIN (
  SELECT count(*) AS all_of_them, count(*) FILTER (WHERE lease_until < now()) AS over
  FROM executions_steprun WHERE status = 'running'
) AS leased
"""

_ENDED = """
SELECT status, count(*) FROM executions_execution
WHERE finished_at > now() - interval '1 hour' AND NOT test GROUP BY status
"""

# By schedule, as their key leads with it. Slots are kept for ever.
_SLOTS = """
SELECT s.id, s.overlap, s.jitter, late.slot, late.outcome, late.fired_at
FROM workflows_schedule s CROSS JOIN LATERAL (
  SELECT x.slot, x.outcome, x.fired_at FROM executions_slot x
  WHERE x.tenant_id = s.tenant_id AND x.schedule_id = s.id
    AND x.slot > now() - interval '25 hours' AND x.fired_at > now() - interval '1 hour'
) AS late
"""
_NOT_FIRED = ("missed", "waiting")


class _Fired(NamedTuple):
    """A slot that was dealt with, and of what schedule."""

    schedule_id: UUID
    overlap: str
    jitter: int
    slot: datetime
    outcome: str
    fired_at: datetime


@dataclass(frozen=True)
class State:
    """How things stand. Ages are in seconds, 0 where there is nothing that could be old."""

    queued: int
    held: int
    running: int
    waiting: int
    queued_age: float  # of the execution that has been able to begin for longest
    ready: int  # steps that could be claimed
    ready_age: float  # of the one that could be for longest
    unknown: int
    leases: int
    leases_over: int
    workers: int
    overdue: float  # of the schedule that should have fired longest ago


@dataclass(frozen=True)
class LastHour:
    """What happened in the last hour."""

    ended: Mapping[str, int]  # executions by how they ended
    slots: Mapping[str, int]  # by what became of them
    lags: Sequence[float]  # seconds between the time that a slot was due and when it fired


def state() -> State:
    """How the engine stands now."""
    with scope.operator("the metrics count the work of all tenants"):
        [row] = scope.prepared().run(_STATE, {"lost": settings.WORKER_LOST_SECONDS})
    return State(*(_number(value) for value in row))


def last_hour() -> LastHour:
    """What the engine did in the last hour. It counts all of it, so ask it now and then."""
    with scope.operator("the metrics count what all tenants' runs and schedules did"):
        none = {status.value: 0 for status in sorted(EXECUTION_ENDED)}
        ended = {**none, **dict(scope.prepared().run(_ENDED))}
        found = [_Fired(*row) for row in scope.prepared().run(_SLOTS)]
        lags = _lags(found)
    slots = {**dict.fromkeys(OUTCOMES, 0), **Counter(one.outcome for one in found)}
    return LastHour(ended, slots, lags)


def _lags(slots: Sequence[_Fired]) -> list[float]:
    """Of the slots that were fired: not of what was missed or had to wait for another run."""
    fired = [one for one in slots if one.outcome not in _NOT_FIRED and one.overlap != "queue"]
    jittered = Schedule.objects.in_bulk([one.schedule_id for one in fired if one.jitter])
    return [
        max((one.fired_at - _due_at(jittered.get(one.schedule_id), one.slot)).total_seconds(), 0.0)
        for one in fired
    ]


def _due_at(schedule: Schedule | None, slot: datetime) -> datetime:
    """When the slot was to fire: its own time, and the jitter of the schedule, if it has one."""
    if schedule is None:
        return slot
    try:
        due = next(schedule.timetable.after(slot - timedelta(microseconds=1)), None)
    except CronError:
        return slot
    return due.at if due is not None and due.slot == slot else slot  # its cron was changed since


def _number(value: Any) -> Any:
    """SQL's sums and ages are decimals, and there may be nothing that is old."""
    return value if isinstance(value, int) else float(max(value or 0, 0))
