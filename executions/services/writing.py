"""Writing a transition that a step causes: its end, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from executions import transitions
from executions.models import StepRun
from executions.moves import Move
from executions.runs import Claim, Run, Skip, StepFacts
from executions.services.endings import Ending, ending_from
from executions.services.settling import settle
from executions.services.signals import answered
from executions.states import STEP_ENDED, StepStatus
from tenants.hosts import Hosts
from tenants.scope import Prepared
from workflows.steps.base import Done, Failed


class StaleError(Exception):
    """The run has moved on, or another has the step: nothing was written."""


def write(
    db: Prepared,
    claim: Claim,
    ending: Ending,
    *,
    worker_id: UUID | None,
    by_worker: bool,
    last: bool = False,
) -> Move:
    """Write a step's ending and what follows from it; with `last` the transaction ends.

    Raises StaleError; what is known of the run is then to be read anew.
    """
    run = claim.run
    if ending.answerable:
        db.open()
        ending = answered(claim, ending)
    step = ending.step
    _remember(run, claim.key, ending)
    move = settle(db, run, ending.events, worker_id=worker_id, by_worker=by_worker)
    if claim.key in move.cancelled:
        # Called off before it could go on. A statement changes a row only once.
        step = replace(step, status=StepStatus.CANCELLED, delay=None, due_at=None, wait=None)
        move = replace(move, cancelled=[key for key in move.cancelled if key != claim.key])
    if step.source is StepStatus.WAITING and run.plan.step_type(claim.key).has_children:
        move = replace(move, follow_up=True)  # some of its runs may go on
    calls_out = any(
        new.status is StepStatus.RUNNING and run.plan.step_type(new.key).calls_out
        for new in move.steps
    )
    written = transitions.record(db, step, move, calls_out=calls_out, last=last)
    if written is None:
        raise StaleError
    if written.egress_hosts is not None:
        run.egress = Hosts(tuple(written.egress_hosts))
    return written


def finish(
    db: Prepared, run: Run, step: StepRun, result: Done | Failed | Skip, *, by_worker: bool = False
) -> Move:
    """End a step that nobody runs, in a locked run: what it waited for has come, or a person says.

    A failure may be tried again, as the step's policy says. A worker also ends the run (`settle`).
    """
    claim = Claim(run, step.id, step.key, step.fence, step.attempt, wait=step.wait)
    ending = ending_from(claim, StepStatus(step.status), result)
    return write(db, claim, ending, worker_id=None, by_worker=by_worker)


def _remember(run: Run, key: str, ending: Ending) -> None:
    run.states[key] = ending.state
    if ending.state.status in STEP_ENDED:
        end = ending.step
        run.facts[key] = StepFacts(output=end.output, outcome=end.outcome, error=end.error)
