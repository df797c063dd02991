"""Ending a run before its time: by a person, by the clock, to make room for another."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from executions import transitions
from executions.engine import PENDING
from executions.models import Execution
from executions.moves import Move, NewEvent
from executions.runs import Run
from executions.services.locking import lock_run
from executions.services.settling import cancel_events, needs_follow_up, new_step
from executions.states import STEP_ENDED, ExecutionStatus, StepStatus, check_execution
from tenants import scope
from tenants.scope import Prepared


def cancel(tenant_id: UUID, execution_id: UUID, why: str) -> Move | None:
    """Cancel a run in the open scope of its tenant; None: it has ended already.

    Steps that are under way are called off: what their calls bring is dropped.
    """
    db = scope.prepared()
    run = lock_run(db, tenant_id, execution_id)
    if run is None:
        return None
    return _end(db, run, ExecutionStatus.CANCELLED, why)


def time_out(tenant_id: UUID, execution_id: UUID) -> Move | None:
    """End a run that is over its time, in the open scope of its tenant; open steps are called off.

    None: it is not, or has ended, or somebody else has it locked just now.
    """
    db = scope.prepared()
    run = lock_run(db, tenant_id, execution_id, wait=False)
    still = Execution.objects.filter(id=execution_id, deadline_at__lt=Now()).exists()
    if run is None or not still:
        return None
    why = f"It used up its {run.plan.definition.limits.timeout:g} s of active time."
    return _end(db, run, ExecutionStatus.TIMED_OUT, why)


def _end(db: Prepared, run: Run, status: ExecutionStatus, why: str) -> Move | None:
    check_execution(run.status, status)
    open_keys = [
        key for key in run.plan.graph.order if run.states.get(key, PENDING).status not in STEP_ENDED
    ]
    level = "warning" if status is ExecutionStatus.CANCELLED else "error"
    move = Move(
        tenant_id=run.tenant_id,
        execution_id=run.execution_id,
        status=status,
        known_seq=run.seq,
        events=[
            *cancel_events(open_keys, "Called off."),
            NewEvent(f"execution.{status}", why, level=level),
        ],
        steps=[
            new_step(run.plan, key, StepStatus.CANCELLED)
            for key in open_keys
            if key not in run.states
        ],
        cancelled=[key for key in open_keys if key in run.states],
        error={"kind": status.value, "message": why},
        follow_up=needs_follow_up(run, status, open_keys),
    )
    return transitions.move(db, move)
