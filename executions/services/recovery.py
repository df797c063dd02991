"""What the sweeper mends: leases of the dead, executions over their time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from executions.models import Execution, StepRun, Worker
from executions.runs import Attempt, Claim
from executions.services.cancelling import time_out
from executions.services.endings import ending_of
from executions.services.following import after_commit
from executions.services.locking import lock_run
from executions.services.writing import write
from executions.states import ExecutionStatus, StepStatus
from tenants import scope
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


def leased_to(worker_id: UUID) -> list[LostStep]:
    """The steps that a worker process has, as the database knows."""
    with scope.operator("a worker looks for steps that it does not know it has"):
        found = _running().filter(worker_id=worker_id)
        rows = found.values_list("tenant_id", "execution_id", "id", "key", "fence")
        return [LostStep(*row) for row in rows]


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


def release(lost: LostStep, *, by_its_worker: bool = False) -> bool:
    """Take a step from its dead worker: queue it again, or park or fail it.

    False: too late, or somebody else has the execution locked just now (a frozen worker may for
    long, and must not keep the sweeper from all others).

    Unless it is the worker itself who gives it back, it must be dead, or the lease run out.
    """
    with scope.tenant(lost.tenant_id):
        db = scope.prepared()
        run = lock_run(db, lost.tenant_id, lost.execution_id, wait=False)
        if run is None:
            return False
        # The row is locked too: whether its call was sent must not change any more.
        rows = (_running() if by_its_worker else _lost()).select_for_update(of=("self",))
        row = rows.filter(id=lost.step_id, fence=lost.fence).first()
        if row is None:
            return False
        claim = Claim(run, row.id, row.key, row.fence, row.attempt, wait=row.wait)
        ending = ending_of(claim, _lost_attempt(claim, row))
        move = write(db, claim, ending, worker_id=None, by_worker=True)
    after_commit(move, run, by_worker=True)
    return True


def _lost_attempt(claim: Claim, row: StepRun) -> Attempt:
    sent = row.sent_at is not None
    times = row.lost + 1
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


def end_overdue(tenant_id: UUID, execution_id: UUID) -> bool:
    """End an execution that is over its time. False: too late."""
    with scope.tenant(tenant_id):
        move = time_out(tenant_id, execution_id)
    if move is None:
        return False
    after_commit(move, by_worker=True)
    return True
