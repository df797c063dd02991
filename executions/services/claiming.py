"""Taking work: a lease on the step that is to run next, over all tenants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from executions import transitions
from executions.engine import StepState, decide
from executions.moves import Move, NewEvent
from executions.rows import Picked, RunRow, Taken
from executions.runs import Claim, Run
from executions.services.facts import run_of, states_of
from executions.services.following import after_commit
from executions.services.plans import known, plan_of
from executions.services.settling import RUNNING, new_steps, settle, step_events
from executions.states import ExecutionStatus, StepStatus
from tenants import scope
from tenants.scope import Prepared

# Does what is left to do once the transaction has ended. None: there was nothing to run.
_Claimed = Callable[[], Claim | None]


def claim(worker_id: UUID) -> Claim | None:
    """Lease the step that is to run next; None when nothing is ready."""
    return next(iter(claim_several(worker_id, most=1)), None)


def claim_several(worker_id: UUID, *, most: int) -> list[Claim]:
    """Lease steps that are to run next, `most` at most and half of what is ready; none if none is.

    First among executions that no one else holds just now; only if all work is in others' hands one
    waits for it: ten branches of one run must not pass each other over.
    """
    wait = False
    while True:
        with scope.prepared_transaction() as db:
            db.enter_operator()
            # Who waits for one and has others locked would be waited for in turn.
            picks = transitions.pick(db, most=1 if wait else most, wait=wait)
            if not picks.work or (wait and not picks.picked):
                return []
            claimed = _lease(db, picks.picked, worker_id)
        claims = [claim for finish in claimed if (claim := finish()) is not None]
        if claims:
            return [replace(claim, more=claim.more or picks.more) for claim in claims]
        wait = True


def _lease(db: Prepared, picked: Sequence[Picked], worker_id: UUID) -> list[_Claimed]:
    """Less than was picked if another worker took a due step while we waited for its execution."""
    fresh = [one for one in picked if one.launches and one.kind != "resume"]
    others = [one for one in picked if one not in fresh]
    claimed: list[_Claimed] = []
    for number, one in enumerate(others, 1):
        db.enter_tenant(one.tenant_id)
        last = number == len(others) and not fresh
        if one.launches:
            claimed.append(_continue(db, one, worker_id))
        elif (taken := _take(db, one, worker_id, last=last)) is not None:
            claimed.append(taken)
    return claimed + (_launch(db, fresh, worker_id) if fresh else [])


def _take(db: Prepared, picked: Picked, worker_id: UUID, *, last: bool) -> _Claimed | None:
    taken = transitions.take(
        db,
        tenant_id=picked.tenant_id,
        execution_id=picked.execution_id,
        worker_id=worker_id,
        last=last,
    )
    return None if taken is None else partial(_taken, picked, taken)


def _taken(picked: Picked, taken: Taken) -> Claim:
    states = states_of((key, *state) for key, state in json.loads(taken.states).items())
    run = run_of(
        picked.tenant_id,
        picked.execution_id,
        taken.run,
        status=ExecutionStatus.RUNNING,
        seq=taken.last_seq,
        states={**states, taken.key: StepState(StepStatus.RUNNING)},
    )
    return Claim(
        run,
        taken.step_id,
        taken.key,
        taken.fence,
        taken.attempt,
        wait=None if taken.wait is None else json.loads(taken.wait),
    )


def _launch(db: Prepared, picked: Sequence[Picked], worker_id: UUID) -> list[_Claimed]:
    moves = [_beginning(db, one, worker_id) for one in picked]
    rows = transitions.launch(db, moves)
    return [partial(_launched, *begun) for begun in zip(picked, moves, rows, strict=True)]


def _beginning(db: Prepared, picked: Picked, worker_id: UUID) -> Move:
    plan = known(picked.version_id)
    if plan is None:
        db.enter_tenant(picked.tenant_id)
        db.open()
        plan = plan_of(picked.version_id)
    decision = decide(plan.graph, {}, parallel=plan.definition.limits.parallel)
    steps = new_steps(plan, decision, leased=True)
    return Move(
        tenant_id=picked.tenant_id,
        execution_id=picked.execution_id,
        status=ExecutionStatus.RUNNING,
        known_seq=picked.last_seq,
        events=[NewEvent("execution.running", RUNNING), *step_events(steps)],
        steps=steps,
        worker_id=worker_id,
    )


def _launched(picked: Picked, move: Move, row: RunRow) -> Claim:
    run = run_of(
        picked.tenant_id,
        picked.execution_id,
        row,
        status=ExecutionStatus.RUNNING,
        seq=move.last_seq,
        states={step.key: StepState(step.status) for step in move.steps},
    )
    claim = first_leased(run, move)
    if claim is None:
        raise RuntimeError(f"{picked.execution_id} began without a step")
    return replace(claim, more=_queues(move))


def _continue(db: Prepared, picked: Picked, worker_id: UUID) -> _Claimed:
    """Begin a resumed execution, which has the steps that it took over. It may end at once."""
    db.open()
    plan_of(picked.version_id)  # in memory: the transaction is not one that a scope could be in
    run = run_of(
        picked.tenant_id,
        picked.execution_id,
        transitions.run_row(db, picked.execution_id),
        status=ExecutionStatus.QUEUED,
        seq=picked.last_seq,
        states=states_of(transitions.states(db, picked.tenant_id, picked.execution_id)),
    )
    move = settle(db, run, [], worker_id=worker_id, by_worker=True)
    move = transitions.move(db, move) or move  # its row is locked: it is written
    return partial(_continued, picked, run, move)


def _continued(picked: Picked, run: Run, move: Move) -> Claim | None:
    claim = first_leased(run, move)
    if claim is None:
        after_commit(move, run, by_worker=True)
        return None
    return replace(claim, more=_queues(move))


def _queues(move: Move) -> bool:
    """Whether a transition leaves steps to other threads, which nobody else will wake."""
    return any(step.status is StepStatus.QUEUED for step in move.steps)


def first_leased(run: Run, move: Move) -> Claim | None:
    """The step that a transition leased to the worker that made it, if it did."""
    for step in move.steps:
        if step.status is StepStatus.RUNNING:
            return Claim(run, step.id, step.key, fence=1, attempt=1)
    return None
