"""What a worker holds in its hands: a claimed step, its run, and how a try ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from executions.engine import StepState
from executions.plan import Plan, Reads
from executions.states import ExecutionStatus
from tenants.hosts import Hosts
from workflows.definition import JSON, Step
from workflows.steps.base import Result


class StepFacts(TypedDict):
    """What expressions see of a step that has ended: `steps.<key>`."""

    output: JSON
    outcome: str | None
    error: JSON


_NOTHING_YET = StepFacts(output=None, outcome=None, error=None)


@dataclass(frozen=True)
class Item:
    """Which item of a for_each a run is for, and the runs around it, the nearest first."""

    value: JSON
    index: int
    around: tuple[UUID, ...]


@dataclass
class Run:
    """What this worker knows of a run. `states` is true as long as `seq` is its last event."""

    tenant_id: UUID
    execution_id: UUID
    version_id: UUID
    workflow_id: UUID
    kind: str
    plan: Plan
    status: ExecutionStatus
    seq: int
    states: dict[str, StepState]
    trigger: JSON
    # `execution` and `tenant` as expressions see them.
    execution: dict[str, JSON]
    tenant: dict[str, JSON]
    key_root: str  # of its Idempotency-Keys
    depth: int = 0
    has_parent: bool = False
    limited: bool = False
    test: bool = False
    item: Item | None = None
    # Where the tenant's calls may go: as it was when the step at hand was begun, if it calls out.
    egress: Hosts = field(default_factory=Hosts)
    facts: dict[str, StepFacts] = field(default_factory=dict)
    told_at: float = 0.0  # when readers were last woken, by the monotonic clock

    def names(self, reads: Reads) -> dict[str, object]:
        """What templates of the run may read. A step that has not ended has no results yet."""
        names: dict[str, object] = {
            "trigger": self.trigger,
            "steps": {**dict.fromkeys(reads.steps, _NOTHING_YET), **self.facts},
            "execution": self.execution,
            "tenant": self.tenant,
        }
        if self.item is not None:
            names |= {"item": self.item.value, "index": self.item.index}
        return names

    def idempotency_key(self, step: str) -> str:
        """The same for every try of the step, in every run that was resumed from this one."""
        place = "" if self.item is None else f".{self.item.index}"
        return f"{self.key_root}.{step}{place}"

    @property
    def around(self) -> tuple[UUID, ...]:
        """The executions whose steps its expressions may read: its own and those around it."""
        return (self.execution_id, *(self.item.around if self.item else ()))


@dataclass(frozen=True)
class Claim:
    """A lease on one step run. `fence` must still be the row's for anything to be recorded."""

    run: Run
    step_id: UUID
    key: str
    fence: int
    attempt: int
    wait: JSON = None  # of a step that waited before: what for, and what it is to know now
    more: bool = False  # when it was claimed there was further work

    @property
    def step(self) -> Step:
        """The step as the definition has it."""
        return self.run.plan.step(self.key)


@dataclass(frozen=True)
class Settings:
    """What a step's templates read of the tenant's own: `secrets` and `vars`.

    `secrets` are all that the workflow names: what one step sent, another's answer may hold.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, object] = field(default_factory=dict)
    hosts: Mapping[str, Hosts] = field(default_factory=dict)  # where the secrets may go


@dataclass(frozen=True)
class Skip:
    """The step's guard (`when`) was false."""


@dataclass(frozen=True)
class LogLine:
    """A line that a step wrote."""

    level: str
    message: str
    data: JSON = None


@dataclass(frozen=True)
class Attempt:
    """How one try went. `repeatable`: running the step again can do no harm."""

    result: Result | Skip
    started_at: datetime
    elapsed_ms: float
    input: JSON = None
    repeatable: bool = True
    logs: tuple[LogLine, ...] = ()
