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
from workflows.models import Workflow

BATCH = 20  # runs that are let in at once

Admission = Literal["run", "hold", "drop"]


def admit(db: Prepared, tenant_id: UUID, workflow_id: UUID, limits: Limits) -> Admission:
    """Whether one more run may begin now, in the open transaction of the tenant."""
    _lock(workflow_id)
    taken = list(_admitted(tenant_id, workflow_id).order_by("id").values_list("id", flat=True))
    if limits.executions is None or len(taken) < limits.executions:
        return "run"
    match limits.limit:
        case "drop":
            return "drop"
        case "cancel_oldest":
            _make_room(tenant_id, taken[: len(taken) - limits.executions + 1])
            return "run"
        case _:
            return "hold"


def _make_room(tenant_id: UUID, execution_ids: list[UUID]) -> None:
    for execution_id in execution_ids:
        cancel(tenant_id, execution_id, "Cancelled to make room for a newer run.")


def drop(db: Prepared, started: Move, limits: Limits) -> None:
    """End a run that was just stored and may not begin."""
    why = f"Dropped: the workflow may have {limits.executions} runs at once."
    move = Move(
        tenant_id=started.tenant_id,
        execution_id=started.execution_id,
        status=ExecutionStatus.CANCELLED,
        known_seq=started.last_seq,
        events=[NewEvent("execution.cancelled", why, level="warning")],
        error={"kind": "dropped", "message": why},
    )
    transitions.move(db, move)


def admit_next(tenant_id: UUID, workflow_id: UUID) -> None:
    """Let held runs begin for which there is room; safe to call at any time."""
    with scope.tenant(tenant_id):
        _lock(workflow_id)
        running = _admitted(tenant_id, workflow_id).count()
        held = _open(tenant_id, workflow_id).filter(held=True).order_by("id")
        for execution_id, version_id in held.values_list("id", "version_id")[:BATCH]:
            most = plan_of(version_id).definition.limits.executions
            if most is not None and running >= most:
                break
            Execution.objects.filter(id=execution_id).update(held=False)
            running += 1
        scope.on_commit(dispatch.wake)


def _lock(workflow_id: UUID) -> None:
    Workflow.objects.select_for_update(no_key=True).only("id").get(id=workflow_id)


def _open(tenant_id: UUID, workflow_id: UUID) -> QuerySet[Execution]:
    return Execution.objects.filter(
        tenant_id=tenant_id,
        workflow_id=workflow_id,
        limited=True,
        status__in=EXECUTION_OPEN,
    )


def _admitted(tenant_id: UUID, workflow_id: UUID) -> QuerySet[Execution]:
    return _open(tenant_id, workflow_id).filter(held=False)
