"""What a transition writes, as values: steps, events, ends, moves, new executions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import uuid_utils.compat

from executions.states import ExecutionStatus, StepStatus
from workflows.definition import JSON


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
    """What becomes of a step run that is at `source` under this fence.

    It may be claimed again after `delay` seconds, or at `due_at`.
    """

    step_id: UUID
    fence: int
    status: StepStatus
    source: StepStatus = StepStatus.RUNNING
    attempt: dict[str, JSON] | None = None
    outcome: str | None = None
    input: JSON = None
    output: JSON = None
    error: JSON = None
    delay: float | None = None
    due_at: datetime | None = None
    wait: JSON = None
    restarts: bool = False  # the tries are counted anew


@dataclass(frozen=True)
class Move:
    """What a transition writes beside the step that caused it."""

    tenant_id: UUID
    execution_id: UUID
    status: ExecutionStatus
    known_seq: int  # the revision that it was decided on
    events: Sequence[NewEvent]
    steps: Sequence[NewStep] = ()
    cancelled: Sequence[str] = ()  # keys of open step runs
    worker_id: UUID | None = None  # who leases the running ones of `steps`
    output: JSON = None
    error: JSON = None
    follow_up: bool = False
    egress_hosts: Sequence[str] | None = None  # of the tenant, where they were asked for

    @property
    def last_seq(self) -> int:
        """The number of the newest event once this is written."""
        return self.known_seq + len(self.events)


@dataclass(frozen=True)
class Parent:
    """The step that waits for a run; `item_index` is that of a for_each's item."""

    execution_id: UUID
    step: str
    fence: int
    item_index: int | None = None


@dataclass(frozen=True)
class NewExecution:
    """A run to be queued. It may begin at `due_at`, or `delay` seconds from now."""

    workflow_id: UUID
    version_id: UUID
    kind: str
    trigger: JSON
    timeout: float
    delay: float = 0.0
    due_at: datetime | None = None
    parent: Parent | None = None
    origin_id: UUID | None = None
    depth: int = 0
    key_root: str | None = None
    limited: bool = False
    held: bool = False
    test: bool = False
