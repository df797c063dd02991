"""What became of a run, for the caller who waits for it; in the open scope of its tenant."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from uuid import UUID

from executions.models import Execution, StepRun
from executions.services.plans import plan_of
from executions.states import EXECUTION_ENDED, StepStatus
from workflows.definition import JSON
from workflows.graph.responses import RESPOND


@dataclass(frozen=True)
class Outcome:
    status: str
    output: JSON


def outcome(execution_id: UUID) -> Outcome | None:
    """How the execution ended; None while it has not."""
    rows = Execution.objects.filter(id=execution_id, status__in=EXECUTION_ENDED)
    found = rows.values_list("status", "output").first()
    return None if found is None else Outcome(*found)


def response(execution_id: UUID) -> Any:
    """The output of the execution's first respond step that ended; None while none has.

    Those that run for the items of a for_each step count too.
    """
    version_id = (
        Execution.objects.filter(id=execution_id).values_list("version_id", flat=True).first()
    )
    if version_id is None:
        return None
    found = [
        first
        for nesting in plan_of(version_id).response_nestings
        if (first := _first_said(_runs(execution_id, nesting))) is not None
    ]
    return min(found, key=itemgetter(0))[1] if found else None


def responds(version_id: UUID) -> bool:
    """Whether the version has a respond step, so that a caller can be answered by one."""
    return bool(plan_of(version_id).response_nestings)


def _first_said(runs: Any) -> Any:
    """When the first respond step of these runs ended, and its output."""
    rows = StepRun.objects.filter(execution__in=runs, type=RESPOND, status=StepStatus.SUCCEEDED)
    return rows.order_by("finished_at", "id").values_list("finished_at", "output").first()


def _runs(execution_id: UUID, nesting: int) -> Any:
    """The execution, or the runs of its items so many bodies deep."""
    runs = Execution.objects.filter(id=execution_id)
    for _ in range(nesting):
        runs = Execution.objects.filter(parent__in=runs.values("id"), item_index__isnull=False)
    return runs.order_by().values("id")
