"""What the sweeper mends: leases of the dead, executions over their time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from executions import transitions
from executions.engine import PENDING
from executions.models import Execution, StepRun, Worker
from executions.runs import Attempt, Claim, Run
from executions.services.claiming import states_of
from executions.services.plans import plan_of
from executions.services.recording import after_commit, ending_of, write
from executions.services.starting import new_step
from executions.states import (
    EXECUTION_ENDED,
    STEP_ENDED,
    ExecutionStatus,
    StepStatus,
    check_execution,
)
from executions.transitions import Move, NewEvent
from tenants import scope
from tenants.scope import Prepared
from workflows.steps.base import Error, Failed

BATCH = 500


@dataclass(frozen=True)
class LostStep:
    """A step run whose worker is dead or whose lease has run out."""

    tenant_id: UUID
    execution_id: UUID
    step_id: UUID
    key: str
    fence: int


def lost_steps(*, silent_are_dead: bool = True) -> list[LostStep]:
    """Running steps that nobody runs any more, over all tenants.

    Unless `silent_are_dead` only those whose lease has run out.
    """
    with scope.operator("the sweeper looks for lost leases"):
        rows = (_lost() if silent_are_dead else _expired()).order_by("lease_until")
        found = rows.values_list("tenant_id", "execution_id", "id", "key", "fence")[:BATCH]
        return [LostStep(*row) for row in found]


def _lost() -> QuerySet[StepRun]:
    alive = Worker.objects.filter(
        id=OuterRef("worker_id"),
        seen_at__gt=Now() - timedelta(seconds=settings.WORKER_LOST_SECONDS),
    )
    return _running().filter(Q(lease_until__lt=Now()) | ~Exists(alive))


def _expired() -> QuerySet[StepRun]:
    return _running().filter(lease_until__lt=Now())


def _running() -> QuerySet[StepRun]:
    return StepRun.objects.filter(status=StepStatus.RUNNING)


def release(lost: LostStep) -> bool:
    """Take a step from its dead worker: queue it again, or park or fail it. False: too late."""
    with scope.tenant(lost.tenant_id):
        db = scope.prepared()
        run = _lock_run(db, lost.tenant_id, lost.execution_id)
        if run is None:
            return False
        # The row is locked too: whether its call was sent must not change any more.
        rows = _lost().select_for_update(of=("self",))
        row = rows.filter(id=lost.step_id, fence=lost.fence).first()
        if row is None:
            return False
        claim = Claim(run, row.id, row.key, row.fence, row.attempt)
        _, move = write(db, claim, ending_of(claim, _lost_attempt(claim, row)), worker_id=None)
    after_commit(run, move)
    return True


def _lost_attempt(claim: Claim, row: StepRun) -> Attempt:
    sent = row.sent_at is not None
    times = row.claims - row.attempt + 1  # a try that was lost is not counted as one
    parks = sent and claim.step.on_unknown != "retry"
    if times >= settings.MAX_CLAIMS and not parks:
        error = Error("poison", f"Its worker was lost {times} times.", sent=sent)
    else:
        error = Error("lost", "Its worker was lost.", sent=sent)
    # What must not be repeated says so before it is sent; the rest can do no harm.
    started_at = row.started_at or datetime.now(UTC)
    return Attempt(Failed(error), started_at, elapsed_ms=0, repeatable=not sent)


def overdue() -> list[tuple[UUID, UUID]]:
    """Executions that have used up their active time: pairs of tenant and execution."""
    with scope.operator("the sweeper looks for executions over their time"):
        return list(
            Execution.objects.filter(status=ExecutionStatus.RUNNING, deadline_at__lt=Now())
            .order_by("deadline_at")
            .values_list("tenant_id", "id")[:BATCH]
        )


def time_out(tenant_id: UUID, execution_id: UUID) -> bool:
    """End an execution that is over its time; open steps are cancelled. False: too late."""
    with scope.tenant(tenant_id):
        db = scope.prepared()
        run = _lock_run(db, tenant_id, execution_id)
        still = Execution.objects.filter(id=execution_id, deadline_at__lt=Now()).exists()
        if run is None or not still:
            return False
        move = _end(
            db,
            run,
            ExecutionStatus.TIMED_OUT,
            f"It used up its {run.plan.definition.limits.timeout:g} s of active time.",
        )
    after_commit(run, move)
    return True


def _end(db: Prepared, run: Run, status: ExecutionStatus, why: str) -> Move:
    check_execution(run.status, status)
    open_keys = [
        key for key in run.plan.graph.order if run.states.get(key, PENDING).status not in STEP_ENDED
    ]
    move = Move(
        tenant_id=run.tenant_id,
        execution_id=run.execution_id,
        status=status,
        first_seq=run.seq + 1,
        events=[
            *(NewEvent("step.cancelled", "Called off.", step=key) for key in open_keys),
            NewEvent(f"execution.{status}", why, level="error"),
        ],
        steps=[
            new_step(run.plan, key, StepStatus.CANCELLED)
            for key in open_keys
            if key not in run.states
        ],
        cancelled=[key for key in open_keys if key in run.states],
        error={"kind": status.value, "message": why},
    )
    transitions.end(db, move)
    return move


def _lock_run(db: Prepared, tenant_id: UUID, execution_id: UUID) -> Run | None:
    """An execution under lock, as a worker would hold it; None when it has ended or is gone."""
    locked = transitions.lock(db, tenant_id, execution_id)
    if locked is None or locked[0] in EXECUTION_ENDED:
        return None
    row = Execution.objects.select_related("workflow", "version", "tenant").get(id=execution_id)
    return Run(
        tenant_id=tenant_id,
        execution_id=execution_id,
        plan=plan_of(row.version_id),
        status=ExecutionStatus(locked[0]),
        seq=locked[1],
        states=states_of(transitions.states(db, tenant_id, execution_id).fetchall()),
        trigger=row.trigger,
        execution={
            "id": str(execution_id),
            "workflow": row.workflow.slug,
            "version": row.version.number,
            "started_at": row.created_at.isoformat(timespec="milliseconds"),
        },
        tenant={"slug": row.tenant.slug, "name": row.tenant.name},
    )
