"""Deciding what became of a call whose answer never came (DESIGN 4.5)."""

from __future__ import annotations

from functools import partial
from typing import Literal
from uuid import UUID

from executions import transitions
from executions.engine import StepState
from executions.models import StepRun
from executions.moves import Move, NewEvent, StepEnd
from executions.runs import Run, Skip
from executions.services.following import after_commit
from executions.services.locking import lock_run, step_of
from executions.services.settling import settle
from executions.services.writing import finish
from executions.states import StepStatus
from tenants import actions, scope
from tenants.problems import Problem
from tenants.services import audit
from tenants.services.audit import Target
from workflows.definition import JSON
from workflows.steps.base import Done, Error, Failed

Action = Literal["retry", "done", "skip", "fail"]


def resolve(
    *,
    tenant_id: UUID,
    execution_id: UUID,
    key: str,
    action: Action,
    by: str,
    output: JSON = None,
) -> None:
    """Say what became of a step that is `unknown`, in the open scope of the tenant.

    retry: it was not done, send it again; done: it was, with this output; skip: go on as if its
    guard had been false; fail: it counts as failed. Raises Problem 409 for a step that is not
    unknown.
    """
    db = scope.prepared()
    run = lock_run(db, tenant_id, execution_id)
    step = None if run is None else step_of(run, key)
    if run is None or step is None or step.status != StepStatus.UNKNOWN:
        raise Problem(409, "not-unknown", "Only a step whose answer is not known can be resolved.")
    match action:
        case "retry":
            move = _again(run, step, by)
        case "done":
            move = finish(db, run, step, Done(output))
        case "skip":
            move = finish(db, run, step, Skip())
        case "fail":
            move = finish(db, run, step, Failed(Error("resolved", f"{by} says that it failed.")))
    target = Target("execution", str(execution_id), str(execution_id))
    audit.record(actions.Action.STEP_RESOLVED, target, after={"step": key, "answer": action})
    scope.on_commit(partial(after_commit, move, run))


def _again(run: Run, step: StepRun, by: str) -> Move:
    run.states[step.key] = StepState(StepStatus.QUEUED)
    event = NewEvent("step.queued", f"To be sent again, says {by}.", step=step.key)
    db = scope.prepared()
    move = settle(db, run, [event], worker_id=None, by_worker=False)
    end = StepEnd(
        step_id=step.id,
        fence=step.fence,
        source=StepStatus.UNKNOWN,
        status=StepStatus.QUEUED,
        delay=0.0,
        wait=step.wait,
        restarts=True,
    )
    transitions.record(db, end, move)
    return move
