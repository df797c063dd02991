"""The hot path's writes: every one that moves an execution or a step run. The SQL is by hand.

A transition is one prepared statement, so that it costs two round trips with the look that it is
decided on. Rules that all of them keep:

- The execution's row is written or locked before its step runs are changed, so branches that end at
  once are taken one after the other, and no deadlock is possible. Of two executions the parent's is
  locked first.
- What is decided on a revision of the execution (the number of its newest event) is written only if
  it is still at that revision.
- A step run is changed only from where it was, under the fence that it had.
- Times are the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import uuid_utils.compat
from django.conf import settings

from executions import claim_statements, statements
from executions.moves import Move, NewExecution, Parent, StepEnd
from executions.rows import Picked, Picks, RunRow, Taken
from executions.states import EXECUTION_ENDED, STEP_ENDED, ExecutionStatus, StepStatus
from executions.storable import dump
from tenants.pipeline import Row
from tenants.scope import Call, Prepared, entering
from workflows.definition import JSON


def pick(db: Prepared, *, most: int, wait: bool) -> Picks:
    """Lock executions, `most` at most, whose steps are to run next, over all tenants.

    As the operator. With `wait` also those that another worker holds just now, as when ten branches
    start at once. An execution comes as often as it has steps to take.
    """
    statement = claim_statements.PICK if wait else claim_statements.PICK_UNLOCKED
    rows = db.run(statement, {"running": settings.MAX_RUNNING_EXECUTIONS, "most": most})
    picked = [Picked._make(row[:6]) for row in rows if row[0] is not None]
    return Picks(picked, *rows[0][6:])


def take(
    db: Prepared, *, tenant_id: UUID, execution_id: UUID, worker_id: UUID, last: bool
) -> Taken | None:
    """Lease a due step of a locked execution, if there still is one.

    With `last` the transaction ends.
    """
    row = db.first(
        claim_statements.TAKE,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "worker": worker_id,
            "margin": settings.LEASE_MARGIN_SECONDS,
        },
        last=last,
    )
    if row is None:
        return None
    return Taken._make((*row[:7], RunRow._make(row[7:])))


def lock(db: Prepared, execution_id: UUID, *, wait: bool = True) -> tuple[str, int] | None:
    """Lock an execution of the tenant: its status and the number of its last event.

    None if there is no such execution, or, unless we `wait`, if somebody else has it locked.
    """
    statement = statements.LOCK if wait else statements.LOCK_IF_FREE
    row = db.first(statement, {"execution": execution_id})
    return None if row is None else (row[0], row[1])


def lock_workflow(db: Prepared, workflow_id: UUID) -> None:
    """Let nobody else give the places of a workflow until the transaction ends."""
    db.run(statements.LOCK_WORKFLOW, {"workflow": workflow_id})


def states(db: Prepared, tenant_id: UUID, execution_id: UUID) -> list[Row]:
    """Where the steps of an execution stand: rows of key, status and outcome."""
    return db.run(statements.STATES, {"tenant": tenant_id, "execution": execution_id})


def run_row(db: Prepared, execution_id: UUID) -> RunRow:
    """What a worker must know of the run."""
    return RunRow(*db.run(claim_statements.RUN, {"execution": execution_id})[0])


def start(
    db: Prepared,
    execution: NewExecution,
    move: Move,
    *,
    only_if: Call | None = None,
    last: bool = False,
) -> bool:
    """Insert a queued execution with its first steps, if it has any yet, and events.

    False: `only_if`, an insertion that is made along with it, returned no row, and nothing was
    written. With `last` the transaction ends.
    """
    condition, values = only_if or (None, {})
    rows = db.run(
        statements.START if condition is None else statements.start(condition),
        {
            **values,
            **_shared(move),
            **_place(execution.parent),
            "workflow": execution.workflow_id,
            "version": execution.version_id,
            "kind": execution.kind,
            "trigger": dump(execution.trigger),
            "run_timeout": execution.timeout,
            "delay": execution.delay,
            "due_at": execution.due_at,
            "origin": execution.origin_id,
            "depth": execution.depth,
            "key_root": execution.key_root,
            "limited": execution.limited,
            "held": execution.held,
            "test": execution.test,
        },
        last=last,
    )
    return bool(rows)


def launch(db: Prepared, moves: Sequence[Move]) -> list[RunRow]:
    """Begin locked, queued executions: of each its first steps, one under our lease.

    All in one round trip, which ends the transaction.
    """
    calls: list[Call] = []
    for move in moves:
        calls.append(entering(move.tenant_id))
        calls.append((statements.LAUNCH, {**_shared(move), **_moved(move)}))
    return [RunRow._make(rows[0]) for rows in db.run_all(calls, last=True)[1::2]]


def record(
    db: Prepared, end: StepEnd, move: Move, *, calls_out: bool = False, last: bool = False
) -> Move | None:
    """Record what became of a step, and what follows; with `last` the transaction ends.

    The move as it was written: with a `follow_up` too if a subscription hears of the run's end, and
    if what follows `calls_out`, with where the tenant's calls may go by now. None, and nothing is
    written: the execution is at another revision than the move was decided on, or another has the
    step.
    """
    rows = db.run(
        statements.RECORD,
        {
            **_shared(move),
            **_moved(move),
            "step": end.step_id,
            "fence": end.fence,
            "step_from": end.source.value,
            "step_status": end.status.value,
            "step_ended": end.status in STEP_ENDED,
            "outcome": end.outcome,
            "input": dump(end.input),
            "output": dump(end.output),
            "error": dump(end.error),
            "attempt": "[]" if end.attempt is None else dump([end.attempt]),
            "delay": end.delay,
            "due_at": end.due_at,
            "wait": dump(end.wait),
            "restarts": end.restarts,
            "calls_out": calls_out,
            "lost": (end.source, end.status) == (StepStatus.RUNNING, StepStatus.QUEUED),
        },
        last=last,
    )
    written = _as_written(move, rows)
    return written and replace(written, egress_hosts=rows[0][1])


def move(db: Prepared, move: Move) -> Move | None:
    """Move a locked execution that no step of its own moves.

    The move as it was written (see `record`). None: it is at another revision.
    """
    return _as_written(move, db.run(statements.MOVE, {**_shared(move), **_moved(move)}))


def reuse(db: Prepared, move: Move, origin_id: UUID, keys: Sequence[str]) -> None:
    """Copy steps that have ended from another run of the tenant."""
    ids: list[JSON] = [{"id": str(uuid_utils.compat.uuid7()), "key": key} for key in keys]
    values = {
        "tenant": move.tenant_id,
        "execution": move.execution_id,
        "origin": origin_id,
        "steps": dump(ids),
    }
    db.run(statements.REUSE, values)


def mark_sending(db: Prepared, step_id: UUID, fence: int, sent: JSON) -> bool:
    """Note that a call that must not be repeated blindly is about to be made: True if it is ours.

    Ends the transaction.
    """
    running = StepStatus.RUNNING.value
    values = {"step": step_id, "fence": fence, "input": dump(sent), "running": running}
    return bool(db.run(statements.MARK_SENDING, values, last=True))


def _as_written(move: Move, rows: Sequence[Row]) -> Move | None:
    return replace(move, follow_up=rows[0][0]) if rows else None


def _place(parent: Parent | None) -> dict[str, object]:
    return {
        "parent": parent and parent.execution_id,
        "parent_step": parent and parent.step,
        "parent_fence": parent and parent.fence,
        "item_index": parent and parent.item_index,
    }


def _shared(move: Move) -> dict[str, object]:
    steps: list[JSON] = [
        {
            "id": str(step.id),
            "key": step.key,
            "type": step.type,
            "status": step.status,
            "timeout": step.timeout,
        }
        for step in move.steps
    ]
    events: list[JSON] = [
        {
            "seq": seq,
            "kind": event.kind,
            "step": event.step,
            "level": event.level,
            "message": event.message,
            "data": event.data,
        }
        for seq, event in enumerate(move.events, move.known_seq + 1)
    ]
    return {
        "tenant": move.tenant_id,
        "execution": move.execution_id,
        "worker": move.worker_id,
        "margin": settings.LEASE_MARGIN_SECONDS,
        "steps": dump(steps),
        "events": dump(events),
        "last_seq": move.last_seq,
    }


def _moved(move: Move) -> dict[str, object]:
    return {
        "status": move.status.value,
        "known_seq": move.known_seq,
        "follow_up": move.follow_up,
        "active": move.status is ExecutionStatus.RUNNING,
        "ended": move.status in EXECUTION_ENDED,
        "cancelled": list(move.cancelled),
        "run_output": dump(move.output),
        "run_error": dump(move.error),
    }
