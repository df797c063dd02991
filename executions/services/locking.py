"""A run under lock, for those who change it from outside: people, callers, the sweeper."""

from __future__ import annotations

from uuid import UUID

from executions import transitions
from executions.models import StepRun
from executions.runs import Run
from executions.services.facts import run_of, states_of
from executions.states import EXECUTION_ENDED, ExecutionStatus
from tenants.scope import Prepared


def lock_run(db: Prepared, tenant_id: UUID, execution_id: UUID) -> Run | None:
    """An execution under lock, as a worker would hold it; None when it has ended or is gone.

    In the open scope of the tenant.
    """
    locked = transitions.lock(db, execution_id)
    if locked is None or locked[0] in EXECUTION_ENDED:
        return None
    return run_of(
        tenant_id,
        execution_id,
        transitions.run_row(db, execution_id),
        status=ExecutionStatus(locked[0]),
        seq=locked[1],
        states=states_of(transitions.states(db, tenant_id, execution_id)),
    )


def step_of(run: Run, key: str) -> StepRun | None:
    """A step run of a locked run; None if it has not left pending."""
    return StepRun.objects.filter(
        tenant_id=run.tenant_id, execution_id=run.execution_id, key=key
    ).first()
