"""What is done with schedules: the verbs that admin and API share. Firing is executions' business.

What may make a schedule active is done outside any tenant's scope: how many are active is counted
over the whole deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile, islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from tenants import scope
from tenants import services as tenants
from tenants.actions import Action
from tenants.limits import Quota
from tenants.problems import Problem
from tenants.services import audit
from workflows import cron, schemas
from workflows.cron import CronError
from workflows.models import Schedule, Workflow
from workflows.timetable import Timetable

SHOWN = 10  # of the fires that come next
FURTHEST = timedelta(days=3660)  # a schedule may start
_TIMES = ("cron", "zone", "jitter", "starts_at", "ends_at", "paused")
_LOCK = 0x57E9_5C8D  # whoever makes a schedule active holds it until the commit


@dataclass(frozen=True)
class Upcoming:
    """A fire that comes: its slot in the schedule's zone, a mark (cron.Mark), and with jitter."""

    slot: datetime
    mark: str | None
    fires_at: datetime


# --- Finding and showing -----------------------------------------------------------------------


def listed() -> QuerySet[Schedule]:
    """The schedules of the tenant."""
    return Schedule.objects.select_related("workflow").defer("workflow__draft")


def find(*, schedule_id: UUID) -> Schedule:
    """The schedule with this id. Raises Http404."""
    schedule = listed().filter(id=schedule_id).first()
    if schedule is None:
        raise Http404
    return schedule


def upcoming(timetable: Timetable, handled: datetime, now: datetime) -> list[Upcoming]:
    """The next fires after `now`, of slots later than `handled`."""
    found = []
    ahead = dropwhile(lambda due: due.at <= now, timetable.after(handled))
    for due in islice(ahead, SHOWN):
        fire = timetable.cron.fire(due.slot)
        found.append(Upcoming(fire.at, fire.mark, due.at.astimezone(fire.at.tzinfo)))
    return found


def coming(schedule: Schedule) -> list[Upcoming]:
    """Its next fires; of a paused one those that would come."""
    now = timezone.now()
    # With jitter, a slot of a while ago may be yet to fire.
    earliest = now - timedelta(seconds=schedule.jitter)
    return upcoming(schedule.timetable, max(schedule.handled_until, earliest), now)


def preview(*, values: Mapping[str, Any], schedule: Schedule | None = None) -> list[Upcoming]:
    """The next fires of a new schedule with these values, or of this one changed to them.

    Nothing is written. How much later than its slot a new one fires is not known before it is made,
    so `fires_at` is the slot. Raises Problem 422 as `create` and `change` do.
    """
    would = Schedule() if schedule is None else copy(schedule)
    for name, value in values.items():
        setattr(would, name, value)
    now = timezone.now()
    _check(would, now)
    if schedule is None:
        would.jitter = 0
    if schedule is None or _times(would) != _times(schedule):
        would.handled_until = _begins(would, now)
    found = coming(would)
    if schedule is None and not found:
        raise _never()
    return found


def check(expression: str, zone: str) -> cron.Cron:
    """A checked expression in its zone. Raises Problem 422."""
    try:
        return cron.parse(expression, zone)
    except CronError as error:
        raise _invalid(error.field, error.message) from None


# --- Writing -----------------------------------------------------------------------------------


def create(*, tenant_id: UUID, workflow: str, values: Mapping[str, Any]) -> Schedule:
    """Give the workflow with this slug a schedule; its slots are those from now on.

    Outside any tenant's scope. Raises Problem 422 for values that do not fit, 409 when the
    deployment has as many active schedules as it may, or the tenant as many as it may.
    """
    with _counted(tenant_id) as now:
        found = Workflow.objects.filter(slug=workflow, archived_at=None).first()
        if found is None:
            raise _invalid("workflow", f"There is no workflow {workflow!r}.")
        tenants.check_quota(tenant_id, Quota.SCHEDULES, Schedule.objects.all())
        schedule = Schedule(tenant_id=tenant_id, workflow=found, **values)
        _check(schedule, now.at)
        _check_input(schedule)
        _plan(schedule, now)
        schedule.save(force_insert=True)
        audit.record(Action.SCHEDULE_CREATED, schedule, after={"workflow": workflow, **values})
    return schedule


def change(*, tenant_id: UUID, schedule_id: UUID, values: Mapping[str, Any]) -> Schedule:
    """Change some of a schedule's values, or pause and resume it by `paused`.

    With its times changed, and when it is resumed, its slots are those from now on. Outside any
    tenant's scope. Raises Http404, and Problem as `create`.
    """
    with _counted(tenant_id) as now:
        schedule = _locked(schedule_id)
        before = _times(schedule)
        was = {name: getattr(schedule, name) for name in values}
        for name, value in values.items():
            setattr(schedule, name, value)
        _check(schedule, now.at)
        if "input" in values:
            _check_input(schedule)
        if _times(schedule) != before:
            _plan(schedule, now)
        schedule.save()
        audit.record(_verb(values), schedule, before=was, after=values)
    return schedule


def verify(*, schedule: Schedule) -> None:
    """Raise Problem as `create` and `change` would for one with these values; nothing is written.

    Outside any tenant's scope.
    """
    tenant_id = schedule.workflow.tenant_id
    with _counted(tenant_id) as now:
        if schedule._state.adding:  # noqa: SLF001 - Django's only word for it
            tenants.check_quota(tenant_id, Quota.SCHEDULES, Schedule.objects.all())
        _check(schedule, now.at)
        _check_input(schedule)
        _plan(schedule, now)


def delete(*, schedule: Schedule) -> None:
    """Remove it with the record of its slots, in the tenant's scope; executions stay."""
    audit.record(Action.SCHEDULE_DELETED, schedule, before={"cron": schedule.cron})
    schedule.delete()


# --- Parts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Moment:
    """The database's time, and which schedules are active then, over all tenants."""

    at: datetime
    active: frozenset[UUID]


@contextmanager
def _counted(tenant_id: UUID) -> Iterator[_Moment]:
    """The tenant's scope, while no one else makes a schedule active."""
    with scope.operator("active schedules are counted over all tenants"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        active = Schedule.objects.filter(next_at__isnull=False).values_list("id", flat=True)
        moment = _Moment(now, frozenset(active))
        with scope.tenant(tenant_id):
            yield moment


def _verb(values: Mapping[str, Any]) -> Action:
    if set(values) == {"paused"}:
        return Action.SCHEDULE_PAUSED if values["paused"] else Action.SCHEDULE_RESUMED
    return Action.SCHEDULE_CHANGED


def _locked(schedule_id: UUID) -> Schedule:
    rows = listed().select_for_update(of=("self",), no_key=True)
    schedule = rows.filter(id=schedule_id).first()
    if schedule is None:
        raise Http404
    return schedule


def _times(schedule: Schedule) -> tuple[object, ...]:
    return tuple(getattr(schedule, name) for name in _TIMES)


def _begins(schedule: Schedule, now: datetime) -> datetime:
    """Up to when it has no slots, if it begins now."""
    if schedule.starts_at is None or schedule.starts_at <= now:
        return now
    return schedule.starts_at - timedelta(microseconds=1)


def _plan(schedule: Schedule, now: _Moment) -> None:
    """Say when it fires next, from now on.

    Raises Problem 422 if a new one never would, 409 if there would be one too many active.
    """
    schedule.handled_until = _begins(schedule, now.at)
    schedule.next_at = (
        None if schedule.paused else schedule.timetable.next_at(schedule.handled_until)
    )
    is_new = schedule._state.adding  # noqa: SLF001 - Django's only word for it
    if is_new and schedule.next_at is None:
        raise _never()
    becomes_active = schedule.next_at is not None and schedule.id not in now.active
    if becomes_active and len(now.active) >= settings.MAX_SCHEDULES:
        raise Problem(
            409,
            "too-many-schedules",
            f"{settings.MAX_SCHEDULES} schedules are active, as many as this deployment may have. "
            "Pause or delete one that is not needed.",
        )


def _check(schedule: Schedule, now: datetime) -> None:
    check(schedule.cron, schedule.zone)
    starts_at, ends_at = schedule.starts_at, schedule.ends_at
    if starts_at is not None and starts_at > now + FURTHEST:
        raise _invalid("starts_at", "It may start in ten years at the latest.")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise _invalid("ends_at", "It must end after it starts.")


def _check_input(schedule: Schedule) -> None:
    """What the current version would refuse each time is refused now."""
    current = schedule.workflow.current
    if current is None or current.definition.get("input") is None:
        return
    errors = schemas.errors(schemas.compile(current.definition["input"]), schedule.input)
    if errors:
        raise Problem(
            422,
            "input-mismatch",
            "The input is not what the workflow's input schema asks for.",
            errors=[{"code": "schema", **error} for error in errors],
        )


def _never() -> Problem:
    return _invalid("ends_at", "It would end before its first slot.")


def _invalid(field: str, message: str) -> Problem:
    error = {"field": field, "code": "invalid", "message": message}
    return Problem(422, "invalid", message, errors=[error])
