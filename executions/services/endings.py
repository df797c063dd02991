"""What the result of a try means for its step: its row and the lines of the history."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import SystemRandom

from executions import retry
from executions.engine import StepState
from executions.moves import NewEvent, StepEnd
from executions.runs import Attempt, Claim, Skip
from executions.states import StepStatus, check_step
from workflows.definition import JSON, Retry
from workflows.steps.base import Done, Error, Failed, ForEach, StartWorkflow, Wait

_RANDOM = SystemRandom()


@dataclass(frozen=True)
class Ending:
    """What a try comes to. `answerable`: it is over at once if its answer has come already."""

    step: StepEnd
    state: StepState
    events: list[NewEvent] = field(default_factory=list)
    answerable: bool = False


def ending_of(claim: Claim, attempt: Attempt) -> Ending:
    """What a step under our lease comes to."""
    ending = _ending(claim, attempt, claim.run.plan.retry(claim.key))
    check_step(StepStatus.RUNNING, ending.step.status)
    logs = [
        NewEvent("step.log", line.message, claim.key, line.level, line.data)
        for line in attempt.logs
    ]
    return replace(ending, events=[*logs, *ending.events]) if logs else ending


def ending_from(claim: Claim, source: StepStatus, result: Done | Failed | Skip) -> Ending:
    """What a step comes to that nobody runs: it is ended from `source` by an answer or a person.

    What a waiting step waited for may have failed, which its policy may try again from the start;
    what a person says is final.
    """
    policy = claim.run.plan.retry(claim.key) if source is StepStatus.WAITING else None
    ending = _ending(claim, Attempt(result, datetime.now(UTC), elapsed_ms=0), policy)
    check_step(source, ending.step.status)
    kept = ending.step.attempt if isinstance(result, Failed) else None
    return replace(ending, step=replace(ending.step, source=source, attempt=kept, wait=None))


def _ending(claim: Claim, attempt: Attempt, policy: Retry | None) -> Ending:
    match attempt.result:
        case Done(output, outcome):
            return _succeeded(claim, attempt, output, outcome)
        case Skip():
            event = NewEvent("step.skipped", "Its guard is false.", claim.key)
            return _ended(claim, attempt, StepStatus.SKIPPED, None, event)
        case Failed(error):
            return _failed(claim, attempt, error, policy)
        case Wait() as wait:
            return _waits(claim, attempt, wait)
        case ForEach(items, parallel, collect):
            facts: JSON = {
                "for": "items",
                "items": len(items),
                "parallel": parallel,
                "collect": collect,
            }
            return _sleeps(claim, attempt, facts, f"Waits for {_items(len(items))}.")
        case StartWorkflow(workflow):
            facts = {"for": "workflow", "workflow": workflow}
            return _sleeps(claim, attempt, facts, f"Waits for the workflow {workflow}.")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _succeeded(claim: Claim, attempt: Attempt, output: JSON, outcome: str) -> Ending:
    message = "Succeeded." if outcome == "success" else f"Ended with {outcome}."
    event = NewEvent("step.succeeded", message, claim.key, data={"outcome": outcome})
    return _ended(claim, attempt, StepStatus.SUCCEEDED, outcome, event, output=output)


def _failed(claim: Claim, attempt: Attempt, error: Error, policy: Retry | None) -> Ending:
    verdict = _verdict(claim, attempt, error, policy)
    again = StepStatus.QUEUED if error.kind == "lost" else StepStatus.RETRYING
    status, outcome, level = {
        "retry": (again, None, "warning"),
        "park": (StepStatus.UNKNOWN, None, "error"),
        "fail": (StepStatus.FAILED, "failure", "error"),
    }[verdict.action]
    delay = verdict.delay if verdict.action == "retry" else None
    facts: JSON = {"kind": error.kind, "message": error.message, **error.details}
    tried = {
        **_tried(claim, attempt, status),
        "error": facts,
        "why": verdict.reason,
        "input": attempt.input,
        "retry_in": delay,
    }
    end = StepEnd(
        step_id=claim.step_id,
        fence=claim.fence,
        status=status,
        attempt=tried,
        outcome=outcome,
        input=attempt.input,
        error=facts,
        delay=delay,
        # A wait that was under way goes on once the step runs again.
        wait=None if verdict.action == "fail" else claim.wait,
    )
    told: JSON = {"kind": error.kind, "attempt": claim.attempt, "retry_in": verdict.delay}
    why = error.message if verdict.action == "fail" else verdict.reason
    event = NewEvent(f"step.{status}", why, claim.key, level, told)
    return Ending(end, StepState(status, outcome), [event])


def _verdict(claim: Claim, attempt: Attempt, error: Error, policy: Retry | None) -> retry.Verdict:
    return retry.decide(
        policy,
        error,
        attempt=claim.attempt,
        repeatable=attempt.repeatable or claim.step.idempotent is True,
        on_unknown=claim.step.on_unknown,
        rng=_RANDOM,
    )


def _waits(claim: Claim, attempt: Attempt, wait: Wait) -> Ending:
    facts: dict[str, JSON] = {"for": wait.answer or "time", "state": wait.state, "ask": wait.ask}
    ending = _sleeps(claim, attempt, facts, _waits_for(wait), until=wait.until)
    return replace(
        ending,
        # When its time has come, that is no further try of the same.
        step=replace(ending.step, restarts=True),
        answerable=wait.answer == "callback",
    )


def _waits_for(wait: Wait) -> str:
    until = f" until {wait.until:%Y-%m-%d %H:%M:%S} UTC" if wait.until else ""
    match wait.answer:
        case "approval":
            return f"Waits for an approval{until}."
        case "callback":
            return f"Waits for a call{until}."
        case _:
            return f"Waits{until}."


def _sleeps(
    claim: Claim, attempt: Attempt, wait: JSON, message: str, *, until: datetime | None = None
) -> Ending:
    event = NewEvent("step.waiting", message, claim.key)
    end = StepEnd(
        step_id=claim.step_id,
        fence=claim.fence,
        status=StepStatus.WAITING,
        # A poll may wait ten thousand times: only the first is kept.
        attempt=None if claim.wait else _tried(claim, attempt, StepStatus.WAITING),
        input=attempt.input,
        wait=wait,
        due_at=until,
    )
    return Ending(end, StepState(StepStatus.WAITING), [event])


def _ended(
    claim: Claim,
    attempt: Attempt,
    status: StepStatus,
    outcome: str | None,
    event: NewEvent,
    *,
    output: JSON = None,
) -> Ending:
    end = StepEnd(
        step_id=claim.step_id,
        fence=claim.fence,
        status=status,
        attempt=_tried(claim, attempt, status),
        outcome=outcome,
        input=attempt.input,
        output=output,
    )
    return Ending(end, StepState(status, outcome), [event])


def _tried(claim: Claim, attempt: Attempt, status: StepStatus) -> dict[str, JSON]:
    return {
        "attempt": claim.attempt,
        "started_at": attempt.started_at.isoformat(timespec="milliseconds"),
        "elapsed_ms": round(attempt.elapsed_ms, 3),
        "status": status.value,
    }
