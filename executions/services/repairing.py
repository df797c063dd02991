"""What the doctor mends: breaches of an invariant that need no person's judgement.

Each is mended by the verb that should have kept it from happening, under the execution's lock and
only if it is still so, in one transaction with an event that says what was and what became of it.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from executions import dispatch, events, transitions
from executions.invariants import Repair, Violation
from executions.models import Event, Execution, StepRun
from executions.moves import Move
from executions.services.cancelling import time_out
from executions.services.following import after_commit, follow_up
from executions.services.locking import lock_run
from executions.services.recovery import LostStep, release
from executions.services.settling import settle
from executions.states import STEP_CLAIMABLE, STEP_OPEN, ExecutionStatus
from tenants import scope
from tenants.actions import Action
from tenants.services import audit
from tenants.services.audit import Target
from workflows.definition import JSON

KIND = "doctor.repaired"


class _TooLateError(Exception):
    """It was mended or moved on meanwhile: nothing is written."""


def repair(violation: Violation) -> bool:
    """Mend what needs no person. False: it is no longer so, or a person must look at it."""
    tenant_id, execution_id = violation.tenant_id, violation.execution_id
    if violation.repair is None or tenant_id is None or execution_id is None:
        return False
    if violation.repair is Repair.FOLLOW_UP:
        follow_up(tenant_id, execution_id)
        with scope.tenant(tenant_id):
            _record(violation, execution_id)
        return True
    try:
        with scope.tenant(tenant_id):
            seq = _mend(violation, tenant_id, execution_id)
            _record(violation, execution_id)
    except _TooLateError:
        return False
    # What the verb announced was not committed yet.
    dispatch.wake()
    events.publish(execution_id, seq)
    return True


def _record(violation: Violation, execution_id: UUID) -> None:
    target = Target("execution", str(execution_id), str(execution_id))
    after = {"breach": violation.name, "repair": str(violation.repair), "step": violation.step}
    audit.record(Action.EXECUTION_REPAIRED, target, after=after)


def _mend(violation: Violation, tenant_id: UUID, execution_id: UUID) -> int:
    """Returns the number of the event that tells of it."""
    if transitions.lock(scope.prepared(), execution_id) is None:
        raise _TooLateError
    before = _standing(tenant_id, execution_id)
    # First, since the repair may end the run and nothing comes after an end.
    seq = _tell(violation, tenant_id, execution_id)
    if not _act(violation, tenant_id, execution_id):
        raise _TooLateError
    Event.objects.filter(tenant_id=tenant_id, execution_id=execution_id, seq=seq).update(
        data={
            "invariant": violation.number,
            "breach": violation.name,
            "repair": str(violation.repair),
            "before": before,
            "after": _standing(tenant_id, execution_id),
        }
    )
    return seq


def _tell(violation: Violation, tenant_id: UUID, execution_id: UUID) -> int:
    execution = Execution.objects.filter(id=execution_id)
    execution.update(last_seq=F("last_seq") + 1)
    seq = execution.values_list("last_seq", flat=True).get()
    Event.objects.create(
        tenant_id=tenant_id,
        execution_id=execution_id,
        seq=seq,
        kind=KIND,
        step=violation.step,
        level="warning",
        message=f"The doctor mended this: {violation.message}",
    )
    return seq


def _act(violation: Violation, tenant_id: UUID, execution_id: UUID) -> bool:
    """Whether there still was something to mend, and it is done."""
    steps = StepRun.objects.filter(tenant_id=tenant_id, execution_id=execution_id)
    match violation.repair:
        case Repair.RELEASE:
            row = steps.filter(key=violation.step).values_list("id", "fence").first()
            return row is not None and release(
                LostStep(tenant_id, execution_id, row[0], violation.step or "", row[1])
            )
        case Repair.TIME_OUT:
            return _over(time_out(tenant_id, execution_id))
        case Repair.SETTLE:
            return not steps.filter(status__in=STEP_OPEN).exists() and _settle_again(
                tenant_id, execution_id
            )
        case Repair.WAKE if violation.step is None:
            run = Execution.objects.filter(id=execution_id, status=ExecutionStatus.QUEUED)
            return run.filter(held=False, due_at__lte=Now()).exists()
        case Repair.WAKE:
            due = steps.filter(key=violation.step, status__in=STEP_CLAIMABLE, due_at__lte=Now())
            return due.exists()
        case _:
            return False


def _settle_again(tenant_id: UUID, execution_id: UUID) -> bool:
    """Decide what follows from steps that have all ended."""
    db = scope.prepared()
    run = lock_run(db, tenant_id, execution_id)
    if run is None:
        return False
    move = settle(db, run, [], worker_id=None, by_worker=True)
    return _over(transitions.move(db, move))


def _over(move: Move | None) -> bool:
    """Let others know of a move once it is committed. False: there was none."""
    if move is not None:
        scope.on_commit(partial(after_commit, move))
    return move is not None


def _standing(tenant_id: UUID, execution_id: UUID) -> dict[str, JSON]:
    """Where the execution and its steps stand."""
    status = Execution.objects.values_list("status", flat=True).get(id=execution_id)
    steps = StepRun.objects.filter(tenant_id=tenant_id, execution_id=execution_id)
    return {"status": status, "steps": dict(steps.values_list("key", "status"))}
