"""How many runs of one workflow there may be at once (`limits.executions` of its definition).

Places are counted as rows of runs that have not ended, under the lock of the workflow's row, so
none is ever lost or given twice. A run that has to wait for its turn is `held`.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.db.models import QuerySet

from executions import dispatch, transitions
from executions.models import Execution
from executions.moves import Move, NewEvent
from executions.services.cancelling import cancel
from executions.services.plans import plan_of
from executions.states import EXECUTION_OPEN, ExecutionStatus
from tenants import scope
from tenants.scope import Prepared
from workflows.definition import Limits

BATCH = 20  # runs that are let in at once

Admission = Literal["run", "hold", "drop"]


def admit(db: Prepared, tenant_id: UUID, workflow_id: UUID, limits: Limits) -> Admission:
    """Whether one more run may begin now, in the open transaction of the tenant."""
    transitions.lock_workflow(db, workflow_id)
    rows = _admitted(tenant_id, workflow_id).order_by("id")
    taken = list(rows.values_list("id", "version_id"))
    too_many = 0 if limits.executions is None else len(taken) - limits.executions + 1
    match limits.limit:
        case "queue":
            waits = too_many > 0 or _open(tenant_id, workflow_id).filter(held=True).exists()
            return "hold" if waits else "run"
        case "drop":
            return "drop" if too_many > 0 else "run"
        case "cancel_oldest":
            _make_room(tenant_id, taken[: max(too_many, 0)])
            return "run"


def _make_room(tenant_id: UUID, oldest: list[tuple[UUID, UUID]]) -> None:
    for execution_id, version_id in oldest:
        plan_of(version_id)  # in memory: the transaction may be one that no scope could be in
        cancel(tenant_id, execution_id, "Cancelled to make room for a newer run.")


def drop(db: Prepared, started: Move, limits: Limits, *, has_parent: bool) -> None:
    """End a run that was just stored and may not begin."""
    why = f"Dropped: the workflow may have {limits.executions} runs at once."
    move = Move(
        tenant_id=started.tenant_id,
        execution_id=started.execution_id,
        status=ExecutionStatus.CANCELLED,
        known_seq=started.last_seq,
        events=[NewEvent("execution.cancelled", why, level="warning")],
        error={"kind": "dropped", "message": why},
        follow_up=has_parent,
    )
    transitions.move(db, move)


def admit_next(tenant_id: UUID, workflow_id: UUID) -> None:
    """Let held runs begin for which there is room; safe to call at any time."""
    with scope.tenant(tenant_id):
        transitions.lock_workflow(scope.prepared(), workflow_id)
        running = _admitted(tenant_id, workflow_id).count()
        held = _open(tenant_id, workflow_id).filter(held=True).order_by("id")
        for execution_id, version_id in held.values_list("id", "version_id")[:BATCH]:
            most = plan_of(version_id).definition.limits.executions
            if most is not None and running >= most:
                break
            Execution.objects.filter(id=execution_id).update(held=False)
            running += 1
        scope.on_commit(dispatch.wake)


def _open(tenant_id: UUID, workflow_id: UUID) -> QuerySet[Execution]:
    return Execution.objects.filter(
        tenant_id=tenant_id,
        workflow_id=workflow_id,
        limited=True,
        status__in=EXECUTION_OPEN,
    )


def _admitted(tenant_id: UUID, workflow_id: UUID) -> QuerySet[Execution]:
    return _open(tenant_id, workflow_id).filter(held=False)
