"""The hand-written SQL of the hot path: every write that moves an execution or a step run.

Statements are prepared, and a caller puts several into one pipeline (`tenants.scope.pipeline`), so
that a transition costs two round trips. Rules that all of them keep:

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

from executions import statements
from executions.states import ExecutionStatus, StepStatus
from tenants.scope import Pipeline, Rows
from workflows.definition import JSON


class Picked(NamedTuple):
    """An execution with a claimable step; its row is locked."""

    execution_id: UUID
    tenant_id: UUID
    version_id: UUID
    trigger: str  # JSON
    created_at: datetime
    workflow_slug: str
    version_number: int
    tenant_slug: str
    tenant_name: str


class Taken(NamedTuple):
    """A step run, now under our lease."""

    step_id: UUID
    key: str
    fence: int
    attempt: int
    claims: int
    last_seq: int


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
    """What becomes of a step run under our lease. `delay` (seconds) is for a retry or release."""

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


def dump(value: JSON) -> str | None:
    """JSON for a jsonb column; None is SQL's NULL."""
    return None if value is None else json.dumps(value, separators=(",", ":"))


def pick(pipe: Pipeline, *, wait: bool) -> Picked | None:
    """Lock the execution whose step is to run next, over all tenants (as the operator).

    With `wait` also one that another worker holds just now, as when ten branches start at once.
    """
    row = pipe.run(statements.PICK if wait else statements.PICK_UNLOCKED).fetchone()
    return None if row is None else Picked(*row)


def take(
    pipe: Pipeline, *, tenant_id: UUID, execution_id: UUID, worker_id: UUID, margin: float
) -> Rows:
    """Lease a due step of a locked execution: one `Taken` row, or none."""
    return pipe.run(
        statements.TAKE,
        {"tenant": tenant_id, "execution": execution_id, "worker": worker_id, "margin": margin},
    )


def lock(pipe: Pipeline, execution_id: UUID) -> Rows:
    """Lock an execution: one row of its status and the number of its last event, or none."""
    return pipe.run(statements.LOCK, {"execution": execution_id})


def held(pipe: Pipeline, step_id: UUID, fence: int) -> Rows:
    """Whether we still hold the lease of a step run: one row if so."""
    return pipe.run(statements.HELD, {"step": step_id, "fence": fence})


def states(pipe: Pipeline, tenant_id: UUID, execution_id: UUID) -> Rows:
    """Where the steps of an execution stand: rows of key, status and outcome."""
    return pipe.run(statements.STATES, {"tenant": tenant_id, "execution": execution_id})


def start_execution(
    pipe: Pipeline,
    *,
    execution_id: UUID,
    tenant_id: UUID,
    workflow_id: UUID,
    version_id: UUID,
    kind: str,
    trigger: JSON,
    timeout: float,
    last_seq: int,
) -> None:
    """Insert a queued execution whose first `last_seq` events follow in this transaction."""
    pipe.run(
        statements.START_EXECUTION,
        {
            "id": execution_id,
            "tenant": tenant_id,
            "workflow": workflow_id,
            "version": version_id,
            "kind": kind,
            "trigger": dump(trigger),
            "timeout": timeout,
            "last_seq": last_seq,
        },
    )


def move_execution(
    pipe: Pipeline,
    *,
    execution_id: UUID,
    status: ExecutionStatus,
    ended: bool,
    last_seq: int,
    output: JSON = None,
    error: JSON = None,
) -> None:
    """Set a locked execution's status, keep its clock of active time, count its events."""
    pipe.run(
        statements.MOVE_EXECUTION,
        {
            "execution": execution_id,
            "status": status.value,
            "active": status is ExecutionStatus.RUNNING,
            "ended": ended,
            "last_seq": last_seq,
            "output": dump(output),
            "error": dump(error),
        },
    )


def finish_step(pipe: Pipeline, end: StepEnd) -> None:
    """Record what became of a step run under our lease."""
    pipe.run(
        statements.FINISH_STEP,
        {
            "step": end.step_id,
            "fence": end.fence,
            "status": end.status.value,
            "ended": end.ended,
            "outcome": end.outcome,
            "input": dump(end.input),
            "output": dump(end.output),
            "error": dump(end.error),
            "attempt": dump([end.attempt]),
            "delay": end.delay,
        },
    )


def add_steps(
    pipe: Pipeline,
    steps: Sequence[NewStep],
    *,
    tenant_id: UUID,
    execution_id: UUID,
    worker_id: UUID | None,
    margin: float,
) -> None:
    """Insert the step runs that leave pending."""
    if not steps:
        return
    pipe.run(
        statements.ADD_STEPS,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "worker": worker_id,
            "margin": margin,
            "ids": [step.id for step in steps],
            "keys": [step.key for step in steps],
            "types": [step.type for step in steps],
            "statuses": [step.status.value for step in steps],
            "timeouts": [step.timeout for step in steps],
        },
    )


def cancel_steps(
    pipe: Pipeline, keys: Sequence[str], *, tenant_id: UUID, execution_id: UUID
) -> None:
    """Cancel open step runs of a locked execution."""
    if keys:
        pipe.run(
            statements.CANCEL_STEPS,
            {"tenant": tenant_id, "execution": execution_id, "keys": list(keys)},
        )


def add_events(
    pipe: Pipeline, events: Sequence[NewEvent], *, tenant_id: UUID, execution_id: UUID, first: int
) -> None:
    """Append events, numbered from `first`."""
    if not events:
        return
    pipe.run(
        statements.ADD_EVENTS,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "first": first,
            "kinds": [event.kind for event in events],
            "steps": [event.step for event in events],
            "levels": [event.level for event in events],
            "messages": [event.message for event in events],
            "datas": [dump(event.data) for event in events],
        },
    )


def mark_sending(pipe: Pipeline, step_id: UUID, fence: int, sent: JSON) -> Rows:
    """Note that a call that must not be repeated blindly is about to be made: one row if ours."""
    return pipe.run(
        statements.MARK_SENDING,
        {"step": step_id, "fence": fence, "input": dump(sent)},
        prepare=True,
    )
