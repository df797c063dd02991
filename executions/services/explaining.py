"""Why is it waiting? The facts behind `executions/reasons.py`, for one execution and its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Now

from executions import reasons
from executions.models import Execution, StepRun, Worker
from executions.plan import Plan
from executions.services.plans import plan_of_run
from executions.states import (
    EXECUTION_ENDED,
    EXECUTION_OPEN,
    STEP_CLAIMABLE,
    ExecutionStatus,
    StepStatus,
)
from tenants import limits
from tenants.limits import Quota

MOST_AHEAD = 1000  # counted in a tenant's line
_ASKED = (StepStatus.UNKNOWN, StepStatus.WAITING, StepStatus.RETRYING, StepStatus.QUEUED)
_READ = ("key", "type", "status", "fence", "attempt", "due_at", "sent_at", "wait", "error")
# Of a run's open steps the reason of the first of these is the run's: what a person can do first.
_WEIGHTS = ("unknown", "approval", "callback", "items", "workflow", "retrying", "time", "queued")


@dataclass(frozen=True)
class Reasons:
    """One sentence for the execution, if it is queued or waits, and for each step that does."""

    execution: str = ""
    steps: Mapping[str, str] = field(default_factory=dict)


def explain(execution: Execution) -> Reasons:
    """Why an execution and its steps stand still, in the open scope of its tenant."""
    if execution.status in EXECUTION_ENDED:
        return Reasons()
    rows = list(StepRun.objects.filter(execution_id=execution.id, status__in=_ASKED).only(*_READ))
    if execution.status == ExecutionStatus.QUEUED and execution.item_index is None:
        return Reasons(_Facts(execution, rows).of_queued_run())
    if not rows:
        return Reasons()
    facts = _Facts(execution, rows)
    steps = {row.key: facts.of_step(row) for row in rows}
    return Reasons(_of_waiting_run(execution, rows, steps), steps)


def _of_waiting_run(execution: Execution, rows: Sequence[StepRun], steps: Mapping[str, str]) -> str:
    if execution.status == ExecutionStatus.RUNNING:
        return ""
    first = min(rows, key=_weight)
    return reasons.of_execution(first.key, steps[first.key], len(rows) - 1)


def _weight(row: StepRun) -> int:
    kind = row.waits.get("for", "time") if row.status == StepStatus.WAITING else row.status
    return _WEIGHTS.index(kind)


class _Facts:
    """What the reasons of one execution need to know; each is asked for once, if at all."""

    def __init__(self, execution: Execution, rows: Sequence[StepRun]) -> None:
        self._execution, self._rows = execution, rows
        self._now = datetime.now(UTC)

    def of_queued_run(self) -> str:
        execution = self._execution
        if execution.held:
            most = (self._plan and self._plan.definition.limits.executions) or 1
            return reasons.held(most, self._holders(most))
        if execution.due_at > self._now:
            return reasons.begins(execution.due_at, self._now)
        line = self._line(self._place_of_run())
        running = Execution.objects.filter(status=ExecutionStatus.RUNNING)
        most = limits.of(execution.tenant_id).quotas[Quota.RUNNING_EXECUTIONS]
        if line.is_served and 0 < most <= running[:most].count():
            return reasons.full(most)
        return reasons.ready(line)

    def of_step(self, row: StepRun) -> str:
        due = row.due_at is not None and row.due_at <= self._now
        match StepStatus(row.status):
            case StepStatus.UNKNOWN:
                return reasons.unknown(row.sent_at, self._now)
            case StepStatus.RETRYING if row.due_at is not None and not due:
                return reasons.retrying(self._failure(row), row.due_at, self._now)
            case StepStatus.RETRYING:
                return reasons.retrying_now(self._failure(row), self._line_of(row))
            case StepStatus.WAITING if not due:
                return self._of_waiting(row)
            case _:
                return reasons.ready(self._line_of(row))

    def _of_waiting(self, row: StepRun) -> str:
        match row.waits:
            case {"for": "approval", "ask": dict(ask)}:
                return reasons.approval(ask, row.due_at, self._now)
            case {"for": "callback"}:
                return reasons.callback(row.due_at, self._now)
            case {"for": "items", "items": int(total)}:
                return reasons.items(total - self._ended_items.get((row.key, row.fence), 0), total)
            case {"for": "workflow", "workflow": str(slug)}:
                return reasons.workflow(slug, self._child(row))
            case {"state": {"tries": int(tries)}} if row.due_at is not None:
                return reasons.polls(tries, row.due_at, self._now)
            case _:
                return reasons.waits(row.due_at, self._now)

    def _failure(self, row: StepRun) -> reasons.Failure:
        plan = self._plan
        policy = plan.retry(row.key) if plan and row.key in plan.graph.steps else None
        return reasons.Failure(row.attempt, policy.attempts if policy else None, row.error)

    # --- What is asked of the database ---------------------------------------------------------

    @cached_property
    def _plan(self) -> Plan | None:
        try:
            return plan_of_run(self._execution)
        except ValueError:
            return None  # of before a change of the language

    @cached_property
    def _unseen(self) -> float | None:
        """For how many seconds no worker was seen, by the database's clock."""
        silence: Any = Now() - Max("seen_at")
        found = Worker.objects.aggregate(silence=silence)["silence"]
        return None if found is None else max(found.total_seconds(), 0.0)

    @cached_property
    def _due_steps(self) -> list[UUID]:
        """The beginning of the tenant's line of steps."""
        rows = StepRun.objects.filter(
            status__in=STEP_CLAIMABLE, due_at__isnull=False, due_at__lte=Now()
        )
        return list(rows.order_by("due_at", "id").values_list("id", flat=True)[: MOST_AHEAD + 1])

    def _line_of(self, row: StepRun) -> reasons.Line:
        return self._line(_place(self._due_steps, row.id))

    def _line(self, ahead: int | None) -> reasons.Line:
        lost = settings.WORKER_LOST_SECONDS
        return reasons.Line(self._unseen, lost, ahead, MOST_AHEAD)

    def _place_of_run(self) -> int | None:
        """Steps go before runs that are yet to begin."""
        runs = Execution.objects.filter(
            status=ExecutionStatus.QUEUED, item_index=None, held=False, due_at__lte=Now()
        ).order_by("due_at", "id")
        place = _place(runs.values_list("id", flat=True)[: MOST_AHEAD + 1], self._execution.id)
        ahead = None if place is None else place + len(self._due_steps)
        return None if ahead is None or ahead > MOST_AHEAD else ahead

    def _holders(self, most: int) -> list[UUID]:
        rows = Execution.objects.filter(
            workflow_id=self._execution.workflow_id,
            limited=True,
            held=False,
            status__in=EXECUTION_OPEN,
        )
        return list(rows.order_by("id").values_list("id", flat=True)[:most])

    @cached_property
    def _ended_items(self) -> dict[tuple[str, int], int]:
        ended = Count("id", filter=Q(status__in=EXECUTION_ENDED))
        rows = self._children("items").values("parent_step", "parent_fence").annotate(ended=ended)
        return {
            (str(row["parent_step"]), row["parent_fence"] or 0): row["ended"]
            for row in rows.order_by()
        }

    def _child(self, row: StepRun) -> UUID | None:
        return self._child_workflows.get((row.key, row.fence))

    @cached_property
    def _child_workflows(self) -> dict[tuple[str, int], UUID]:
        rows = self._children("workflow").values_list("parent_step", "parent_fence", "id")
        return {(str(step), fence or 0): ident for step, fence, ident in rows}

    def _children(self, kind: str) -> QuerySet[Execution]:
        """The runs that steps wait for which wait for such."""
        keys = [row.key for row in self._rows if row.waits.get("for") == kind]
        return Execution.objects.filter(parent_id=self._execution.id, parent_step__in=keys)


def _place(line: Iterable[UUID], ident: UUID) -> int | None:
    """How many stand before it; None if it is not among them."""
    return next((place for place, other in enumerate(line) if other == ident), None)
