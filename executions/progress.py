"""How far the executions are that an execution's steps started and wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Coalesce

from executions.models import Execution, StepRun
from executions.states import EXECUTION_ENDED, ExecutionStatus
from workflows.steps.registry import STEP_TYPES

LISTED = 20  # children of one execution that are named
PARENTS = frozenset(key for key, kind in STEP_TYPES.items() if kind.has_children)
_ENDED = Q(status__in=EXECUTION_ENDED)
_UNSUCCESSFUL = _ENDED & ~Q(status=ExecutionStatus.SUCCEEDED)


@dataclass(frozen=True)
class Child:
    """An execution that is named: another workflow's, or an item that did not succeed."""

    id: UUID
    status: str
    index: int | None


@dataclass(frozen=True)
class Progress:
    """Of a step's children; `total` counts also the items that are yet to start."""

    total: int
    ended: int
    unsuccessful: int
    named: tuple[Child, ...]


def of_steps(execution_id: UUID, runs: Iterable[StepRun]) -> dict[str, Progress]:
    """By key, for the steps that have children from their last try."""
    parents = {run.key: run for run in runs if run.type in PARENTS}
    if not parents:
        return {}
    children = Execution.objects.filter(parent_id=execution_id)
    counts = (
        children.values("parent_step", "parent_fence")
        .annotate(
            started=Count("id"),
            ended=Count("id", filter=_ENDED),
            unsuccessful=Count("id", filter=_UNSUCCESSFUL),
        )
        .order_by()
    )
    named = _named(execution_id)
    found: dict[str, Progress] = {}
    for row in counts:
        key = str(row["parent_step"])
        if row["parent_fence"] == parents[key].fence:
            found[key] = Progress(
                total=max(parents[key].waits.get("items", 0), row["started"]),
                ended=row["ended"],
                unsuccessful=row["unsuccessful"],
                named=tuple(named.get((key, parents[key].fence), ())),
            )
    return found


def _named(execution_id: UUID) -> dict[tuple[str, int], list[Child]]:
    rows = Execution.objects.filter(
        _UNSUCCESSFUL | Q(item_index=None), parent_id=execution_id
    ).order_by(Coalesce("item_index", 0), "id")
    found: dict[Any, list[Child]] = {}
    for row in rows.only("parent_step", "parent_fence", "status", "item_index")[:LISTED]:
        child = Child(row.id, row.status, row.item_index)
        found.setdefault((row.parent_step, row.parent_fence), []).append(child)
    return found
