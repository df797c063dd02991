"""Schedules whose time has come, tickers, and what came of their slots."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models.functions import Now

from executions import services
from executions.models import Execution, Slot
from tenants import scope
from tenants.models import Tenant
from tests import factories
from workflows.models import Schedule

HOURLY = "0 * * * *"
ALL = {"misfire": "all", "misfire_max": 1000}


def scheduled(tenant: Tenant, **values: Any) -> Schedule:
    return factories.make_schedule(factories.make_workflow(tenant), HOURLY, **{**ALL, **values})


def now(schedule: Schedule) -> datetime:
    with scope.tenant(schedule.tenant_id):
        (row,) = Schedule.objects.filter(id=schedule.id).annotate(now=Now())
    moment: datetime = row.now
    return moment


def behind(schedule: Schedule, count: int = 1, days: int = 60) -> list[datetime]:
    """As if nobody had looked after it for so long: so many slots are late, and then it ends."""
    then = now(schedule) - timedelta(days=days)
    dues = list(islice(schedule.timetable.after(then), count))
    put(schedule, handled_until=then, next_at=dues[0].at, ends_at=dues[-1].slot)
    return [due.slot for due in dues]


def put(schedule: Schedule, **values: Any) -> None:
    with scope.tenant(schedule.tenant_id):
        Schedule.objects.filter(id=schedule.id).update(**values)


def fresh(schedule: Schedule) -> Schedule:
    with scope.tenant(schedule.tenant_id):
        return Schedule.objects.get(id=schedule.id)


def tick() -> None:
    """What a ticker does until no schedule is due; others may be at it, too."""
    while due := [row for row in services.due_schedules() if is_due(*row)]:
        for tenant_id, schedule_id in due:
            services.fire(tenant_id, schedule_id)


def is_due(tenant_id: Any, schedule_id: Any) -> bool:
    """Not only with a slot that waits."""
    with scope.tenant(tenant_id):
        return Schedule.objects.filter(id=schedule_id, next_at__lte=Now()).exists()


def slots() -> list[Slot]:
    with scope.operator("a test looks at slots"):
        return list(Slot.objects.order_by("slot"))


def outcomes() -> list[str]:
    return [slot.outcome for slot in slots()]


def executions() -> list[Execution]:
    with scope.operator("a test looks at executions"):
        return list(Execution.objects.order_by("id"))


def end(execution: Execution) -> None:
    with scope.tenant(execution.tenant_id):
        services.cancel(execution.tenant_id, execution.id, "A test ends it.")
