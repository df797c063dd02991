"""Writing what follows once a step has moved: the same for workers, the sweeper and people."""

from __future__ import annotations

from uuid import UUID

from executions import failpoints
from executions.engine import PENDING, Decision, StepState, decide
from executions.models import StepRun
from executions.runs import Run
from executions.services.claiming import fetch_facts
from executions.services.starting import new_step
from executions.states import ExecutionStatus, StepStatus, check_execution
from executions.transitions import Move, NewEvent, NewStep
from workflows import expressions
from workflows.definition import JSON
from workflows.problems import dotted

_LEVELS = {ExecutionStatus.FAILED: "error", ExecutionStatus.TIMED_OUT: "error"}
_MESSAGES = {
    ExecutionStatus.RUNNING: "The execution is running.",
    ExecutionStatus.WAITING: "Every open step waits.",
    ExecutionStatus.SUCCEEDED: "The execution succeeded.",
    ExecutionStatus.FAILED: "The execution failed.",
}


def settle(run: Run, history: list[NewEvent], *, worker_id: UUID | None) -> Move:
    """Decide what follows from `run.states`, under the lock of the execution; takes it into `run`.

    With a worker, the first step that is ready is leased to it at once; the rest are queued.
    """
    failpoints.hit("before_join")
    decision = decide(run.plan.graph, run.states, parallel=run.plan.definition.limits.parallel)
    steps = _new_steps(run, decision, leased=worker_id is not None)
    calling_off = [key for key in decision.cancelled if key in run.states]
    status, output, error = _outcome(run, decision.status)
    history = [*history, *_step_events(steps, calling_off)]
    if status is not run.status:
        check_execution(run.status, status)
        history.append(_move_event(status, error))
    move = Move(
        tenant_id=run.tenant_id,
        execution_id=run.execution_id,
        status=status,
        first_seq=run.seq + 1,
        events=history,
        steps=steps,
        cancelled=calling_off,
        worker_id=worker_id,
        output=output,
        error=error,
    )
    run.seq, run.status = move.last_seq, status
    run.states.update({step.key: StepState(step.status) for step in steps})
    run.states.update({key: StepState(StepStatus.CANCELLED) for key in calling_off})
    return move


def _new_steps(run: Run, decision: Decision, *, leased: bool) -> list[NewStep]:
    first = StepStatus.RUNNING if leased else StepStatus.QUEUED
    statuses = [first, *[StepStatus.QUEUED] * len(decision.ready)]
    ready = [
        new_step(run.plan, key, status)
        for key, status in zip(decision.ready, statuses, strict=False)
    ]
    skipped = [new_step(run.plan, key, StepStatus.SKIPPED) for key in decision.skipped]
    called_off = [
        new_step(run.plan, key, StepStatus.CANCELLED)
        for key in decision.cancelled
        if key not in run.states
    ]
    # Skipped first: in the history a step's edges are settled before it starts.
    return skipped + ready + called_off


def _step_events(steps: list[NewStep], calling_off: list[str]) -> list[NewEvent]:
    told = {
        StepStatus.RUNNING: ("step.started", "Try 1 started."),
        StepStatus.QUEUED: ("step.queued", "Ready to run."),
        StepStatus.SKIPPED: ("step.skipped", "No edge into it was taken."),
        StepStatus.CANCELLED: ("step.cancelled", "Called off: the execution failed."),
    }
    moves = [(step.key, step.status) for step in steps]
    moves += [(key, StepStatus.CANCELLED) for key in calling_off]
    return [NewEvent(*told[status], step=key) for key, status in moves]


def _move_event(status: ExecutionStatus, error: JSON) -> NewEvent:
    return NewEvent(
        f"execution.{status}",
        _MESSAGES[status],
        level=_LEVELS.get(status, "info"),
        data=error,
    )


def _outcome(run: Run, status: ExecutionStatus) -> tuple[ExecutionStatus, JSON, JSON]:
    """The status with the output of a run that succeeded, or the error of one that failed."""
    match status:
        case ExecutionStatus.SUCCEEDED if run.plan.definition.output is not None:
            return _output(run)
        case ExecutionStatus.FAILED:
            return status, None, _first_failure(run)
        case _:
            return status, None, None


def _output(run: Run) -> tuple[ExecutionStatus, JSON, JSON]:
    fetch_facts(run, run.plan.output_reads)
    try:
        output = expressions.render(run.plan.definition.output, run.names(run.plan.output_reads))
    except expressions.ExpressionError as error:
        where = dotted(("output", *error.path))
        facts: JSON = {"kind": "expression", "message": f"{where}: {error.message}"}
        return ExecutionStatus.FAILED, None, facts
    return ExecutionStatus.SUCCEEDED, output, None


def _first_failure(run: Run) -> JSON:
    failed = [
        key
        for key in run.plan.graph.order
        if run.states.get(key, PENDING).status is StepStatus.FAILED
        and key not in run.plan.graph.handles_failure
    ]
    key = failed[0]
    if key in run.facts:
        error = run.facts[key]["error"]
    else:
        error = StepRun.objects.values_list("error", flat=True).get(
            tenant_id=run.tenant_id, execution_id=run.execution_id, key=key
        )
    return {"step": key, **(error if isinstance(error, dict) else {})}
