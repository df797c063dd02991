"""An execution as its page shows it, the same for first paint and live update.

Stored values may be large (1 MB each): a page shows the beginning and says what it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, F, JSONField, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Left, Length
from django.utils import timezone

from executions.models import Execution, StepRun
from executions.picture import Picture, picture
from executions.plan import Plan
from executions.services.plans import plan_of
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from executions.timeline import Bar, Timing, bars, span

SHOWN = 8_000  # characters of a stored value
ATTEMPTS_SHOWN = 64_000  # longer records of tries are left to the API


@dataclass(frozen=True)
class Text:
    """A stored value, indented if it is shown whole; `hidden` characters are left out."""

    text: str
    hidden: int = 0


@dataclass(frozen=True)
class Body:
    """What is folded away under a step: its row's large values."""

    input: Text | None
    output: Text | None
    error: Text | None
    message: str  # the error in a sentence


@dataclass(frozen=True)
class StepView:
    """A step, whether it has a run yet or not. `body` is None where it did not change."""

    key: str
    label: str
    type: str
    status: str
    outcome: str
    note: str
    took: str
    tries: int
    bars: tuple[Bar, ...]
    attempts: list[dict[str, Any]]
    run: StepRun | None
    body: Body | None


@dataclass(frozen=True)
class Page:
    """The parts of an execution's page that change while it runs."""

    execution: Execution
    ended: bool
    note: str
    took: str
    steps: tuple[StepView, ...]
    picture: Picture | None
    output: Text | None
    error: str


def present(execution_id: UUID, changed: Collection[str | None] | None = None) -> Page:
    """Read an execution in the open tenant scope. Raises Execution.DoesNotExist.

    With `changed`, only the steps of these keys get their bodies.
    """
    execution = _executions().get(id=execution_id)
    runs = {run.key: run for run in _step_runs(execution_id)}
    bodies = _bodies(execution_id, runs if changed is None else runs.keys() & set(changed))
    plan = _plan(execution.version_id)
    end = execution.finished_at or timezone.now()
    keys = plan.graph.order if plan else tuple(runs)
    statuses = {key: run.status for key, run in runs.items()}
    return Page(
        execution=execution,
        ended=execution.status in EXECUTION_ENDED,
        note=_execution_note(execution, statuses),
        took=span((end - (execution.started_at or execution.created_at)).total_seconds()),
        steps=tuple(
            _step(key, plan, runs.get(key), bodies.get(key), (execution.created_at, end))
            for key in keys
        ),
        picture=picture(execution.version_id, plan, runs) if plan else None,
        output=_text(execution.output_text, execution.output_length),
        error=_sentence(execution.error),
    )


def trigger_body(execution_id: UUID) -> Text | None:
    """What the execution was started with."""
    row = (
        Execution.objects.filter(id=execution_id)
        .annotate(body=Cast(F("trigger__body"), TextField()))
        .annotate(length=Length("body"), start=Left("body", SHOWN))
        .values_list("start", "length")
        .get()
    )
    return _text(*row)


def _executions() -> QuerySet[Any]:
    return (
        Execution.objects.select_related("workflow", "version")
        .defer("trigger", "output", "version__definition", "workflow__draft")
        .annotate(output_whole=Cast("output", TextField()))
        .annotate(output_length=Length("output_whole"), output_text=Left("output_whole", SHOWN))
    )


def _step_runs(execution_id: UUID) -> QuerySet[Any]:
    size = Length(Cast("attempts", TextField()))
    return (
        StepRun.objects.filter(execution_id=execution_id)
        .defer("input", "output", "error", "attempts")
        .annotate(
            tried=Case(
                When(condition=_at_most(size, ATTEMPTS_SHOWN), then=F("attempts")),
                default=Value([], JSONField()),
            )
        )
    )
