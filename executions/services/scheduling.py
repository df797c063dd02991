"""Firing schedules: each slot once, by any number of tickers.

A ticker takes a schedule by the lock of its row. In one transaction it writes what became of the
slots that are due, begins their runs and says when the schedule fires next; a ticker that dies in
between has done nothing. Should two see the same slot nevertheless, as when a clock was set back,
the slot's key lets only the first of them begin a run. The database's clock decides.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from uuid import UUID

import structlog
import uuid_utils.compat
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from executions import dispatch, failpoints
from executions.models import Execution, Slot
from executions.moves import NewExecution
from executions.services.plans import plan_of
from executions.services.starting import Begun, begin, check_input, live_version, trigger
from executions.states import EXECUTION_OPEN
from tenants import scope
from tenants.problems import Problem
from tenants.scope import Prepared
from workflows.models import Schedule
from workflows.timetable import decide

log = structlog.get_logger(__name__)

BATCH = 500  # schedules a pass
RUNS = 50  # that one transaction begins; what is left is due at once
LATEST = 100  # runs of a schedule that are looked at for one that is open

# No row comes back if the slot is there already: another ticker was faster.
_SLOT = """
INSERT INTO executions_slot
  (tenant_id, schedule_id, slot, outcome, reason, execution_id, fired_at)
VALUES (%(tenant)s, %(schedule)s, %(slot)s, %(outcome)s, %(reason)s, %(execution)s, now())
ON CONFLICT DO NOTHING RETURNING 1
"""


def due_schedules() -> list[tuple[UUID, UUID]]:
    """Schedules with something to do: pairs of tenant and schedule."""
    with scope.operator("the sweeper looks for schedules that are due"):
        waiting = Exists(Slot.objects.filter(schedule=OuterRef("id"), outcome="waiting"))
        rows = Schedule.objects.filter(Q(next_at__lte=Now()) | Q(waiting, paused=False))
        rows = rows.filter(workflow__paused_at=None)
        return list(rows.order_by("next_at").values_list("tenant_id", "id")[:BATCH])


def fire(tenant_id: UUID, schedule_id: UUID) -> None:
    """Deal with the slots of a schedule that are due now, outside any transaction.

    Nothing happens if another ticker is at it, or if the schedule or its workflow is paused.
    """
    with scope.tenant(tenant_id):
        schedule = _taken(schedule_id)
        if schedule is None:
            return
        firing = Firing(schedule)
        firing.start_waiting()
        firing.deal_with_due()
        scope.on_commit(firing.tell)


def _taken(schedule_id: UUID) -> Schedule | None:
    """The schedule as it is now, kept from other tickers until the transaction ends."""
    rows = Schedule.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    rows = rows.select_related("workflow").defer("workflow__draft")
    going = rows.filter(id=schedule_id, paused=False, workflow__paused_at=None)
    return going.annotate(now=Now()).first()


class Firing:
    """One transaction's work on one locked schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.now: datetime = schedule.now  # type: ignore[attr-defined] # annotated
        self._db: Prepared = scope.prepared()
        self._ready = 0
        self._told: list[dict[str, object]] = []

    def start_waiting(self) -> None:
        """Begin the run of the slot that waits, if the run before it has ended."""
        slot = self._slots("waiting").first()
        if slot is None or self._is_open():
            return
        execution_id = None if self._refusal else uuid_utils.compat.uuid7()
        Slot.objects.filter(pk=slot.pk).update(
            outcome="refused" if self._refusal else "started",
            reason=self._refusal,
            execution_id=execution_id,
            fired_at=Now(),
        )
        self._begin(slot.slot, execution_id)
        self.schedule.save(update_fields=["problem"])

    def deal_with_due(self) -> None:
        """Write what becomes of each slot that is due, and when the schedule fires next."""
        schedule = self.schedule
        if schedule.next_at is None or schedule.next_at > self.now:
            return
        decision = decide(schedule.timetable, schedule.handled_until, self.now, schedule.policy)
        for slot in decision.missed:
            self._write(slot, "missed")
        for slot in decision.fire[:RUNS]:
            self._fire(slot)
        if decision.missed:
            schedule.problem = _missed(decision.missed)
        for slot in [*decision.missed, *decision.fire[:RUNS]][-1:]:
            schedule.handled_until = slot
        schedule.next_at = schedule.timetable.next_at(schedule.handled_until)
        failpoints.hit("in_firing")
        schedule.save(update_fields=["handled_until", "next_at", "problem"])

    def tell(self) -> None:
        """After the commit: wake workers, and log each slot with its lag."""
        dispatch.wake(self._ready)
        for facts in self._told:
            log.info("fired a schedule", schedule=str(self.schedule.id), **facts)

    @cached_property
    def _refusal(self) -> str:
        """Why the workflow would not take a run now; empty if it would."""
        try:
            check_input(plan_of(live_version(self.schedule.workflow)), self.schedule.input)
        except Problem as problem:
            errors = "; ".join(str(error["message"]) for error in problem.errors)
            return f"{problem.detail} {errors}".strip()
        return ""

    def _fire(self, slot: datetime) -> None:
        if self._refusal:
            if self._write(slot, "refused", self._refusal):
                self._begin(slot, None)
            return
        overlap = self.schedule.overlap
        one_waits = overlap == "queue" and self._slots("waiting").exists()
        if one_waits or (overlap != "allow" and self._is_open()):
            self._hold_back(slot, queues=overlap == "queue" and not one_waits)
            return
        execution_id = uuid_utils.compat.uuid7()
        if self._write(slot, "started", execution_id=execution_id):
            self._begin(slot, execution_id)

    def _hold_back(self, slot: datetime, *, queues: bool) -> None:
        if self._write(slot, "waiting" if queues else "skipped_overlap") and not queues:
            self.schedule.problem = (
                f"The slot {slot.isoformat()} was left out: a run of the schedule was open."
            )

    def _begin(self, slot: datetime, execution_id: UUID | None) -> None:
        """Begin a slot's run, unless it was refused, and note how it went."""
        self.schedule.problem = self._refusal
        if execution_id is not None:
            self._ready += self._run(slot, execution_id).ready
        lag = (self.now - slot).total_seconds()
        self._told.append({"slot": slot.isoformat(), "lag": lag, "refused": self._refusal or None})

    def _run(self, slot: datetime, execution_id: UUID) -> Begun:
        schedule = self.schedule
        version_id = live_version(schedule.workflow)
        plan = plan_of(version_id)
        time = schedule.timetable.cron.fire(slot).at.isoformat()
        headers = {"schedule": schedule.name, "scheduled_for": time}
        return begin(
            self._db,
            tenant_id=schedule.tenant_id,
            plan=plan,
            new=NewExecution(
                workflow_id=schedule.workflow_id,
                version_id=version_id,
                kind="schedule",
                trigger=trigger(kind="schedule", body=schedule.input, headers=headers),
                timeout=plan.definition.limits.timeout,
            ),
            message=f"Started by the schedule {schedule.name!r}.",
            execution_id=execution_id,
        )

    def _write(
        self, slot: datetime, outcome: str, reason: str = "", execution_id: UUID | None = None
    ) -> bool:
        """False: the slot was dealt with before."""
        values = {
            "tenant": self.schedule.tenant_id,
            "schedule": self.schedule.id,
            "slot": slot,
            "outcome": outcome,
            "reason": reason,
            "execution": execution_id,
        }
        return self._db.first(_SLOT, values) is not None

    def _is_open(self) -> bool:
        """Whether one of its latest runs has not ended."""
        latest = self._slots("started").order_by("-slot").values("execution_id")[:LATEST]
        return Execution.objects.filter(id__in=latest, status__in=EXECUTION_OPEN).exists()

    def _slots(self, outcome: str) -> QuerySet[Slot]:
        return Slot.objects.filter(
            tenant_id=self.schedule.tenant_id, schedule_id=self.schedule.id, outcome=outcome
        )


def _missed(slots: list[datetime]) -> str:
    if len(slots) == 1:
        return f"The slot {slots[0].isoformat()} was missed: nobody was there to start it."
    return (
        f"{len(slots)} slots from {slots[0].isoformat()} to {slots[-1].isoformat()} were missed: "
        "nobody was there to start them."
    )
