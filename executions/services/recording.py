"""Recording how a try went: one transaction moves the step, the run and what follows.

The worker decides on what it knows of the run, and the transition is written only if that is still
true; if not, it locks the run, reads it anew and decides again. The worker that records usually
leaves with the next step of the same run, so a chain costs one commit a step and no message.
"""

from __future__ import annotations

from uuid import UUID

from executions import failpoints, transitions
from executions.moves import Move
from executions.runs import Attempt, Claim, Run
from executions.services import children
from executions.services.claiming import first_leased
from executions.services.endings import Ending, ending_of
from executions.services.facts import states_of
from executions.services.following import after_commit
from executions.services.writing import StaleError, write
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from tenants import scope
from tenants.scope import Prepared


def record(claim: Claim, attempt: Attempt, worker_id: UUID | None) -> Claim | None:
    """Record a try; returns the run's next step, leased to this worker, if one is ready.

    Without a worker the next step is left to others. If the lease was lost meanwhile, another has
    the step: the result is dropped.
    """
    attempt, started = children.prepare(claim, attempt)
    ending = ending_of(claim, attempt)
    ready, move = 0, None
    if _is_alone(claim) and not started:
        move = _write_at_once(claim, ending, worker_id)
    if move is None:
        try:
            with scope.prepared_transaction() as db:
                db.enter_tenant(claim.run.tenant_id)
                if not _read_anew(db, claim.run):
                    return None
                move = write(db, claim, ending, worker_id=worker_id, by_worker=True)
                if claim.run.states[claim.key] == ending.state:  # else the step was called off
                    ready = children.spawn(db, claim.run.tenant_id, started)
                failpoints.hit("in_commit")
        except StaleError:
            return None
    after_commit(move, claim.run, ready=ready, by_worker=True)
    return first_leased(claim.run, move)


def _write_at_once(claim: Claim, ending: Ending, worker_id: UUID | None) -> Move | None:
    """Decide on what this worker knows and write it, in one round trip; None: it was not true."""
    try:
        with scope.prepared_transaction() as db:
            db.enter_tenant(claim.run.tenant_id)
            return write(db, claim, ending, worker_id=worker_id, by_worker=True, last=True)
    except StaleError:
        claim.run.seq = -1
        return None


def _is_alone(claim: Claim) -> bool:
    """Whether no other step is under way that could have moved the run meanwhile.

    What this worker knows is then likely true still. If not, only an attempt is wasted.
    """
    states = claim.run.states
    return claim.run.seq >= 0 and not any(
        state.status is StepStatus.RUNNING for key, state in states.items() if key != claim.key
    )


def _read_anew(db: Prepared, run: Run) -> bool:
    """Lock the run and read where it stands. False: it has ended."""
    locked = transitions.lock(db, run.execution_id)
    if locked is None or locked[0] in EXECUTION_ENDED:
        return False
    run.status, seq = ExecutionStatus(locked[0]), locked[1]
    if seq != run.seq:
        rows = transitions.states(db, run.tenant_id, run.execution_id)
        run.states, run.seq = states_of(rows), seq
    return True
