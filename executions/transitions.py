"""The hot path's writes: every one that moves an execution or a step run. The SQL is by hand.

A transition is one prepared statement, so that it costs two round trips with the look that it is
decided on. Rules that all of them keep:

- The execution's row is locked before its step runs are changed, so branches that end at once are
  taken one after the other, and no deadlock is possible.
- A step run under a lease is changed only by who holds its fence.
- Times are the database's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import uuid_utils.compat
from django.conf import settings

from executions import statements
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from tenants.scope import Prepared, Rows
from workflows.definition import JSON


class Picked(NamedTuple):
    """An execution with a claimable step; its row is locked."""

    execution_id: UUID
    tenant_id: UUID
    more: bool  # there are further steps that could be claimed


class Taken(NamedTuple):
    """A step run, now under our lease, and what its run is."""

    step_id: UUID
    key: str
    fence: int
    attempt: int
    last_seq: int
    version_id: UUID
    trigger: str  # JSON
    created_at: datetime
    workflow_slug: str
    version_number: int
    tenant_slug: str
    tenant_name: str
    states: str  # JSON: {key: [status, outcome]}, as they were before


@dataclass(frozen=True)
class NewStep:
    """A step run that leaves pending: queued, running under our lease, skipped or cancelled."""

    key: str
    type: str
    status: StepStatus
    timeout: float
    id: UUID = field(default_factory=uuid_utils.compat.uuid7)


@dataclass(frozen=True)
class NewEvent:
    """A row of the history to be; its number is given when it is written."""

    kind: str
    message: str
    step: str | None = None
    level: str = "info"
    data: JSON = None


@dataclass(frozen=True)
class StepEnd:
    """What becomes of a step run under our lease. `delay` (seconds) is until it may be claimed."""

    step_id: UUID
    fence: int
    status: StepStatus
    ended: bool
    attempt: dict[str, JSON]
    outcome: str | None = None
    input: JSON = None
    output: JSON = None
    error: JSON = None
    delay: float | None = None


@dataclass(frozen=True)
class Move:
    """What a transition writes beside the step that caused it."""

    tenant_id: UUID
    execution_id: UUID
    status: ExecutionStatus
    first_seq: int
    events: Sequence[NewEvent]
    steps: Sequence[NewStep] = ()
    cancelled: Sequence[str] = ()  # keys of open step runs
    worker_id: UUID | None = None  # who leases the running ones of `steps`
    output: JSON = None
    error: JSON = None

    @property
    def last_seq(self) -> int:
        """The number of the newest event once this is written."""
        return self.first_seq + len(self.events) - 1


@dataclass(frozen=True)
class NewExecution:
    """A run to be queued."""

    workflow_id: UUID
    version_id: UUID
    kind: str
    trigger: JSON
    timeout: float


def pick(db: Prepared, *, wait: bool) -> Picked | None:
    """Lock the execution whose step is to run next, over all tenants (as the operator).

    With `wait` also one that another worker holds just now, as when ten branches start at once.
    """
    row = db.run(statements.PICK if wait else statements.PICK_UNLOCKED).fetchone()
    return None if row is None else Picked(*row)


def take(db: Prepared, *, tenant_id: UUID, execution_id: UUID, worker_id: UUID) -> Taken | None:
    """Lease a due step of a locked execution, if there still is one."""
    row = db.run(
        statements.TAKE,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "worker": worker_id,
            "margin": settings.LEASE_MARGIN_SECONDS,
        },
    ).fetchone()
    return None if row is None else Taken(*row)


def lock(db: Prepared, tenant_id: UUID, execution_id: UUID) -> tuple[str, int] | None:
    """Enter the tenant and lock an execution: its status and the number of its last event.

    None if there is no such execution.
    """
    row = db.enter_tenant(tenant_id, statements.LOCK, {"execution": execution_id}).fetchone()
    return None if row is None else (row[0], row[1])


def states(db: Prepared, tenant_id: UUID, execution_id: UUID) -> Rows:
    """Where the steps of an execution stand: rows of key, status and outcome."""
    return db.run(statements.STATES, {"tenant": tenant_id, "execution": execution_id})


def start(db: Prepared, execution: NewExecution, move: Move) -> None:
    """Insert a queued execution with its first steps and events."""
    db.run(
        statements.START,
        {
            **_shared(move),
            "workflow": execution.workflow_id,
            "version": execution.version_id,
            "kind": execution.kind,
            "trigger": dump(execution.trigger),
            "run_timeout": execution.timeout,
        },
    )


def record(db: Prepared, end: StepEnd, move: Move) -> Rows:
    """Record what became of a step under our lease: one row, or none if the lease is lost."""
    return db.run(
        statements.RECORD,
        {
            **_shared(move),
            **_moved(move),
            "step": end.step_id,
            "fence": end.fence,
            "step_status": end.status.value,
            "step_ended": end.ended,
            "outcome": end.outcome,
            "input": dump(end.input),
            "output": dump(end.output),
            "error": dump(end.error),
            "attempt": dump([end.attempt]),
            "delay": end.delay,
        },
    )


def end(db: Prepared, move: Move) -> None:
    """Move a locked execution that no step of its own moves: it timed out or was cancelled."""
    db.run(statements.END, {**_shared(move), **_moved(move)})


def mark_sending(db: Prepared, step_id: UUID, fence: int, sent: JSON) -> Rows:
    """Note that a call that must not be repeated blindly is about to be made: one row if ours."""
    return db.run(statements.MARK_SENDING, {"step": step_id, "fence": fence, "input": dump(sent)})


def dump(value: JSON) -> str | None:
    """JSON for a jsonb parameter; None is SQL's NULL. What Postgres cannot hold becomes U+FFFD."""
    if value is None:
        return None
    text = json.dumps(value, separators=(",", ":"))
    if "\\u0000" in text or "\\ud" in text:
        text = json.dumps(_storable(value), separators=(",", ":"))
    return text


def _storable(value: JSON) -> JSON:
    """Without NUL characters and lone surrogates, which other systems do send."""
    match value:
        case str():
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.replace("\0", "\ufffd")
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {str(_storable(key)): _storable(item) for key, item in value.items()}
        case _:
            return value


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
        for seq, event in enumerate(move.events, move.first_seq)
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
        "active": move.status is ExecutionStatus.RUNNING,
        "ended": move.status in EXECUTION_ENDED,
        "cancelled": list(move.cancelled),
        "run_output": dump(move.output),
        "run_error": dump(move.error),
    }
