"""Recording how a try went: one transaction moves the step, the run and what follows.

Everything is decided under the lock of the execution's row. The worker that records usually leaves
with the next step of the same run, so a chain costs one commit a step and no message.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from random import SystemRandom
from uuid import UUID

from executions import dispatch, events, failpoints, retry, transitions
from executions.engine import StepState
from executions.runs import Attempt, Claim, Run, Skip, StepFacts
from executions.services.claiming import states_of
from executions.services.settling import settle
from executions.states import EXECUTION_ENDED, STEP_ENDED, ExecutionStatus, StepStatus, check_step
from executions.transitions import Move, NewEvent, StepEnd
from tenants import scope
from tenants.scope import Prepared, Rows
from workflows.definition import JSON
from workflows.steps.base import Done, Error, Failed, Wait

TELL_SECONDS = 0.02  # between wake-ups for readers while one quick step follows another

_RANDOM = SystemRandom()


@dataclass(frozen=True)
class Ending:
    """What a try comes to: the step's row and the lines of the history."""

    step: StepEnd
    state: StepState
    events: list[NewEvent] = field(default_factory=list)


def record(claim: Claim, attempt: Attempt, worker_id: UUID | None) -> Claim | None:
    """Record a try; returns the run's next step, leased to this worker, if one is ready.

    Without a worker the next step is left to others.

    If the lease was lost meanwhile, another has the step: the result is dropped.
    """
    run, ending = claim.run, ending_of(claim, attempt)
    with scope.prepared_transaction() as db:
        locked = transitions.lock(db, run.tenant_id, run.execution_id)
        if locked is None or locked[0] in EXECUTION_ENDED:
            return None
        run.status = ExecutionStatus(locked[0])
        if locked[1] != run.seq:
            rows = transitions.states(db, run.tenant_id, run.execution_id)
            run.states, run.seq = states_of(rows.fetchall()), locked[1]
        recorded, move = write(db, claim, ending, worker_id=worker_id)
        failpoints.hit("in_commit")
    if recorded.fetchone() is None:
        return None
    after_commit(run, move)
    return next(
        (
            Claim(run, step.id, step.key, fence=1, attempt=1)
            for step in move.steps
            if step.status is StepStatus.RUNNING
        ),
        None,
    )


def write(
    db: Prepared, claim: Claim, ending: Ending, *, worker_id: UUID | None
) -> tuple[Rows, Move]:
    """Write a step's ending and what follows from it; no row comes back if the lease is lost."""
    step = ending.step
    _remember(claim.run, claim.key, ending)
    move = settle(claim.run, ending.events, worker_id=worker_id)
    if claim.key in move.cancelled:
        # Called off before it could be tried again. A statement changes a row only once.
        step = replace(step, status=StepStatus.CANCELLED, ended=True, delay=None)
        move = replace(move, cancelled=[key for key in move.cancelled if key != claim.key])
    return transitions.record(db, step, move), move


def _remember(run: Run, key: str, ending: Ending) -> None:
    run.states[key] = ending.state
    if ending.state.status in STEP_ENDED:
        end = ending.step
        run.facts[key] = StepFacts(output=end.output, outcome=end.outcome, error=end.error)


def after_commit(run: Run, move: Move) -> None:
    """Tell the world what is now true; losing this loses nothing."""
    failpoints.hit("after_commit_before_wake")
    dispatch.wake(sum(step.status is StepStatus.QUEUED for step in move.steps))
    ours = next((step.key for step in move.steps if step.status is StepStatus.RUNNING), None)
    soon_again = ours is not None and not run.plan.step_type(ours).calls_out
    now = time.monotonic()
    if not soon_again or now - run.told_at > TELL_SECONDS:
        run.told_at = now
        events.publish(move.execution_id, move.last_seq)


def ending_of(claim: Claim, attempt: Attempt) -> Ending:
    """What the result of a try means for its step."""
    logs = [
        NewEvent("step.log", line.message, claim.key, line.level, line.data)
        for line in attempt.logs
    ]
    match attempt.result:
        case Done(output, outcome):
            message = "Succeeded." if outcome == "success" else f"Ended with {outcome}."
            event = NewEvent("step.succeeded", message, claim.key, data={"outcome": outcome})
            return _ending(claim, attempt, StepStatus.SUCCEEDED, outcome, [*logs, event], output)
        case Skip():
            event = NewEvent("step.skipped", "Its guard is false.", claim.key)
            return _ending(claim, attempt, StepStatus.SKIPPED, None, [*logs, event])
        case Failed(error):
            return _failed(claim, attempt, error, logs)
        case Wait():
            raise NotImplementedError(f"the step type {claim.step.type} cannot wait")


def _failed(claim: Claim, attempt: Attempt, error: Error, logs: list[NewEvent]) -> Ending:
    step = claim.step
    verdict = retry.decide(
        claim.run.plan.retry(claim.key),
        error,
        attempt=claim.attempt,
        repeatable=attempt.repeatable or step.idempotent is True,
        on_unknown=step.on_unknown,
        rng=_RANDOM,
    )
    facts: JSON = {"kind": error.kind, "message": error.message, **error.details}
    again = StepStatus.QUEUED if error.kind == "lost" else StepStatus.RETRYING
    status, outcome, level = {
        "retry": (again, None, "warning"),
        "park": (StepStatus.UNKNOWN, None, "error"),
        "fail": (StepStatus.FAILED, "failure", "error"),
    }[verdict.action]
    event = NewEvent(
        f"step.{status}",
        error.message if verdict.action == "fail" else verdict.reason,
        claim.key,
        level,
        {"kind": error.kind, "attempt": claim.attempt, "retry_in": verdict.delay},
    )
    return _ending(
        claim,
        attempt,
        status,
        outcome,
        [*logs, event],
        error=facts,
        why=verdict.reason,
        delay=verdict.delay if verdict.action == "retry" else None,
    )


def _ending(
    claim: Claim,
    attempt: Attempt,
    status: StepStatus,
    outcome: str | None,
    history: list[NewEvent],
    output: JSON = None,
    *,
    error: JSON = None,
    why: str | None = None,
    delay: float | None = None,
) -> Ending:
    check_step(StepStatus.RUNNING, status)
    facts: dict[str, JSON] = {
        "attempt": claim.attempt,
        "started_at": attempt.started_at.isoformat(timespec="milliseconds"),
        "elapsed_ms": round(attempt.elapsed_ms, 3),
        "status": status.value,
    }
    if error is not None:
        facts |= {"error": error, "why": why, "input": attempt.input, "retry_in": delay}
    end = StepEnd(
        step_id=claim.step_id,
        fence=claim.fence,
        status=status,
        ended=status in STEP_ENDED,
        attempt=facts,
        outcome=outcome,
        input=attempt.input,
        output=output,
        error=error,
        delay=delay,
    )
    return Ending(end, StepState(status, outcome), history)
