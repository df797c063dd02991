"""Writing what follows once a step has moved: the same for workers, the sweeper and people."""

from __future__ import annotations

from collections.abc import Container, Iterable
from uuid import UUID

from executions import failpoints
from executions.engine import PENDING, Decision, StepState, decide
from executions.models import StepRun
from executions.moves import Move, NewEvent, NewStep
from executions.plan import Plan
from executions.runs import Run
from executions.services.facts import fetch_facts
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus, check_execution
from tenants.scope import Prepared
from workflows import expressions
from workflows.definition import JSON
from workflows.problems import dotted

CALLED_OFF = "Called off: the execution failed."
# What a workflow's `on_failure` is for.
ALARMING = frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT})
_LEVELS = {ExecutionStatus.FAILED: "error", ExecutionStatus.TIMED_OUT: "error"}
RUNNING = "The execution is running."
_MESSAGES = {
    ExecutionStatus.RUNNING: RUNNING,
    ExecutionStatus.WAITING: "Every open step waits.",
    ExecutionStatus.SUCCEEDED: "The execution succeeded.",
    ExecutionStatus.FAILED: "The execution failed.",
}


def settle(
    db: Prepared, run: Run, history: list[NewEvent], *, worker_id: UUID | None, by_worker: bool
) -> Move:
    """Decide what follows from `run.states` and take it into `run`.

    With a `worker_id`, the first step that is ready is leased to it at once; the rest are queued.
    Unless it is done by a worker, a run that lacks only its output stays open, marked for one: no
    expression is evaluated in a web process. The run is to be read anew if the move cannot be
    written.
    """
    failpoints.hit("before_join")
    decision = decide(run.plan.graph, run.states, parallel=run.plan.definition.limits.parallel)
    steps = new_steps(run.plan, decision, leased=worker_id is not None, known=run.states)
    calling_off = [key for key in decision.cancelled if key in run.states]
    left = not by_worker and _has_output(run, decision.status)
    status, output, error = (run.status, None, None) if left else _outcome(db, run, decision.status)
    history = [*history, *step_events(steps), *cancel_events(calling_off)]
    if status is not run.status:
        history += _way_to(run, status, error)
    move = Move(
        tenant_id=run.tenant_id,
        execution_id=run.execution_id,
        status=status,
        known_seq=run.seq,
        events=history,
        steps=steps,
        cancelled=calling_off,
        worker_id=worker_id,
        output=output,
        error=error,
        follow_up=left or needs_follow_up(run, status, calling_off),
    )
    run.seq, run.status = move.last_seq, status
    run.states.update({step.key: StepState(step.status) for step in steps})
    run.states.update({key: StepState(StepStatus.CANCELLED) for key in calling_off})
    return move


def new_steps(
    plan: Plan, decision: Decision, *, leased: bool, known: Container[str] = ()
) -> list[NewStep]:
    """The steps that leave pending by a decision; `known` ones have left it already."""
    first = StepStatus.RUNNING if leased else StepStatus.QUEUED
    statuses = [first, *[StepStatus.QUEUED] * len(decision.ready)]
    ready = [
        new_step(plan, key, status) for key, status in zip(decision.ready, statuses, strict=False)
    ]
    skipped = [new_step(plan, key, StepStatus.SKIPPED) for key in decision.skipped]
    called_off = [
        new_step(plan, key, StepStatus.CANCELLED) for key in decision.cancelled if key not in known
    ]
    # Skipped first: in the history a step's edges are settled before it starts.
    return skipped + ready + called_off


def new_step(plan: Plan, key: str, status: StepStatus) -> NewStep:
    """A step run as it leaves pending."""
    return NewStep(key=key, type=plan.step(key).type, status=status, timeout=plan.timeout(key))


def step_events(steps: Iterable[NewStep]) -> list[NewEvent]:
    """What the history says of steps that leave pending."""
    told = {
        StepStatus.RUNNING: ("step.started", "Try 1 started."),
        StepStatus.QUEUED: ("step.queued", "Ready to run."),
        StepStatus.SKIPPED: ("step.skipped", "No edge into it was taken."),
        StepStatus.CANCELLED: ("step.cancelled", CALLED_OFF),
    }
    return [NewEvent(*told[step.status], step=step.key) for step in steps]


def cancel_events(keys: Iterable[str], why: str = CALLED_OFF) -> list[NewEvent]:
    """What the history says of open steps that are called off."""
    return [NewEvent("step.cancelled", why, step=key) for key in keys]


def needs_follow_up(run: Run, status: ExecutionStatus, cancelled: Iterable[str]) -> bool:
    """Whether other executions are to know of a move (services/following.py)."""
    if any(run.plan.step_type(key).has_children for key in cancelled):
        return True
    if status not in EXECUTION_ENDED:
        return False
    alarm = run.plan.definition.on_failure is not None and status in ALARMING and not run.test
    return run.has_parent or run.limited or (alarm and run.item is None)


def _way_to(run: Run, status: ExecutionStatus, error: JSON) -> list[NewEvent]:
    """The events of the run's own move; one that ends before it ran has run in between."""
    way = []
    if run.status is ExecutionStatus.QUEUED and status is not ExecutionStatus.RUNNING:
        way.append(_move_event(ExecutionStatus.RUNNING, None))
    else:
        check_execution(run.status, status)
    return [*way, _move_event(status, error)]


def _move_event(status: ExecutionStatus, error: JSON) -> NewEvent:
    return NewEvent(
        f"execution.{status}",
        _MESSAGES[status],
        level=_LEVELS.get(status, "info"),
        data=error,
    )


def _has_output(run: Run, status: ExecutionStatus) -> bool:
    """Whether an output is to be evaluated with this status."""
    return status is ExecutionStatus.SUCCEEDED and run.plan.definition.output is not None


def _outcome(db: Prepared, run: Run, status: ExecutionStatus) -> tuple[ExecutionStatus, JSON, JSON]:
    """The status with the output of a run that succeeded, or the error of one that failed."""
    match status:
        case _ if _has_output(run, status):
            db.open()
            return _output(run)
        case ExecutionStatus.FAILED:
            db.open()
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
