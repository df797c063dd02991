"""What the hot path's statements answer."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Picked(NamedTuple):
    """An execution with work; its row is locked."""

    execution_id: UUID
    tenant_id: UUID
    version_id: UUID
    last_seq: int
    kind: str
    launches: bool  # it is queued: its first steps are yet to be written


class Picks(NamedTuple):
    """What is to run next. Without any, all `work` there is was in others' hands."""

    picked: list[Picked]
    work: bool
    more: bool  # there is further work


class RunRow(NamedTuple):
    """What a worker must know of a run."""

    version_id: UUID
    workflow_id: UUID
    kind: str
    trigger: str  # JSON
    created_at: datetime
    workflow_slug: str
    version_number: int | None
    tenant_slug: str
    tenant_name: str
    egress_hosts: list[str]
    parent_id: UUID | None
    parent_step: str | None
    item_index: int | None
    key_root: str | None
    depth: int
    limited: bool
    test: bool


class Taken(NamedTuple):
    """A step run, now under our lease, and what its run is."""

    step_id: UUID
    key: str
    fence: int
    attempt: int
    wait: str | None  # JSON: what it waited for
    last_seq: int
    states: str  # JSON: {key: [status, outcome]}, as they were before
    run: RunRow
