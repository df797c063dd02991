"""An execution as its page shows it, the same for first paint and live update."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, F, JSONField, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Length
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from executions import callbacks, excerpts, progress
from executions.callbacks import Callback
from executions.engine import StepState
from executions.excerpts import Excerpt
from executions.models import Execution, Reaction, StepRun
from executions.offers import answer_of, verbs_of
from executions.picture import draw
from executions.plan import Plan
from executions.progress import Progress
from executions.services import explain, plan_of_run
from executions.services.explaining import Reasons
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from executions.timeline import Bar, Timing, bars, span
from tenants.principals import Principal
from tenants.roles import Permission
from workflows.picture import Picture

TRIES_SHOWN = 64_000  # characters of JSON; longer records of tries are left to the API


@dataclass(frozen=True)
class Body:
    """What is folded away under a step."""

    input: Excerpt | None
    output: Excerpt | None
    error: str


@dataclass(frozen=True)
class StepView:
    """A step, whether it has a run yet or not. `body` is None where it has not changed."""

    key: str
    label: str
    type: str
    status: StepStatus
    outcome: str
    note: str
    took: str
    answer: str = ""  # "decide" or "resolve", if that is for the reader to do
    address: str = ""  # to call once, of a step that waits for that
    progress: Progress | None = None  # of the executions that it started
    bars: tuple[Bar, ...] = ()
    tries: tuple[dict[str, Any], ...] = ()
    run: StepRun | None = None
    body: Body | None = None


@dataclass(frozen=True)
class Page:
    """The parts of an execution's page that change while it runs."""

    execution: Execution
    ended: bool
    note: str
    took: str
    verbs: tuple[str, ...]  # what the reader may do with it
    steps: tuple[StepView, ...]
    picture: Picture | None
    output: Excerpt | None


def present(
    execution_id: UUID, by: Principal | None = None, changed: Collection[str | None] | None = None
) -> Page:
    """Read an execution for a reader in the open tenant scope. Raises Execution.DoesNotExist.

    With `changed`, only the steps of these keys get their bodies. Without a reader nothing is
    offered to be done.
    """
    execution = _executions().get(id=execution_id)
    runs = {run.key: run for run in _step_runs(execution_id)}
    bodies = _bodies(execution_id, set(runs) if changed is None else {*runs} & {*changed})
    plan = _plan(execution)
    end = execution.finished_at or timezone.now()
    reasons = explain(execution)
    stories = _Stories(plan, reasons, progress.of_steps(execution_id, runs.values()), by)
    views = (
        stories.of(key, runs.get(key), bodies.get(key), (execution.created_at, end))
        for key in (plan.graph.order if plan else runs)
    )
    states = {key: StepState(StepStatus(run.status), run.outcome) for key, run in runs.items()}
    return Page(
        execution=execution,
        ended=execution.status in EXECUTION_ENDED,
        note=reasons.execution or _execution_note(execution),
        took=span((end - (execution.started_at or execution.created_at)).total_seconds()),
        verbs=verbs_of(execution, by),
        steps=tuple(views),
        picture=draw(execution, states) if plan else None,
        output=excerpts.of(execution, "output"),
    )


def reactions(page: Page) -> list[Reaction]:
    """What subscriptions made of its end, those that have reacted."""
    if not page.ended:
        return []
    rows = Reaction.objects.filter(execution_id=page.execution.id)
    rows = rows.select_related("subscription__workflow").defer("subscription__workflow__draft")
    return list(rows.order_by("at"))


def trigger_body(execution_id: UUID) -> Excerpt | None:
    """What the execution was started with."""
    rows = Execution.objects.alias(body=F("trigger__body")).annotate(**excerpts.columns("body"))
    return excerpts.of(rows.only("id").get(id=execution_id), "body")


# --- Rows --------------------------------------------------------------------------------------


def _executions() -> QuerySet[Any]:
    return (
        Execution.objects.select_related("workflow", "version")
        .defer("trigger", "output", "version__definition", "workflow__draft")
        .annotate(**excerpts.columns("output"))
    )


def _step_runs(execution_id: UUID) -> QuerySet[Any]:
    short = LessThanOrEqual(Length(Cast("attempts", TextField())), TRIES_SHOWN)
    return (
        StepRun.objects.filter(execution_id=execution_id)
        .defer("input", "output", "error", "attempts")
        .annotate(
            tries=Case(When(short, then=F("attempts")), default=Value([], JSONField())),
        )
    )


def _bodies(execution_id: UUID, keys: Collection[str]) -> dict[str, Body]:
    rows: QuerySet[Any] = (
        StepRun.objects.filter(execution_id=execution_id, key__in=keys)
        .only("key", "error")
        .annotate(**excerpts.columns("input", "output"))
    )
    return {
        row.key: Body(
            input=excerpts.of(row, "input"),
            output=excerpts.of(row, "output"),
            error=_message(row.error),
        )
        for row in rows
    }


def _plan(execution: Execution) -> Plan | None:
    try:
        return plan_of_run(execution)
    except ValueError:
        return None  # a version from before a change of the language is still shown, undrawn


def step_label(execution: Execution, key: str) -> str:
    """A step's name, or else its key."""
    plan = _plan(execution)
    step = plan.graph.steps.get(key) if plan else None
    return (step.name if step else None) or key


# --- Words -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stories:
    """What is said of the steps of one execution to one reader."""

    plan: Plan | None
    reasons: Reasons
    progress: Mapping[str, Progress]
    by: Principal | None

    def of(
        self, key: str, run: Any | None, body: Body | None, frame: tuple[datetime, datetime]
    ) -> StepView:
        label = (self.plan.step(key).name if self.plan else None) or key
        if run is None:
            step_type = self.plan.step(key).type if self.plan else ""
            return StepView(key, label, step_type, StepStatus.PENDING, "", "", "")
        status = StepStatus(run.status)
        timing = Timing(
            run.queued_at,
            run.started_at,
            run.finished_at,
            tuple(run.tries),
            running=status is StepStatus.RUNNING,
        )
        return StepView(
            key=key,
            label=label,
            type=run.type,
            status=status,
            outcome=run.outcome if run.outcome not in ("success", "failure", None) else "",
            note=self.reasons.steps.get(key) or _step_note(run, status),
            took=_took(run),
            answer=answer_of(run, self.by),
            address=self._address(run),
            progress=self.progress.get(key),
            bars=bars(timing, *frame),
            tries=tuple({**one, "took": span(one["elapsed_ms"] / 1000)} for one in run.tries),
            run=run,
            body=body,
        )

    def _address(self, run: StepRun) -> str:
        is_call = run.status == StepStatus.WAITING and run.waits.get("for") == "callback"
        if not is_call or self.by is None or not self.by.may(Permission.RUN):
            return ""
        return callbacks.address(Callback(run.tenant_id, run.execution_id, run.key))


def _took(run: StepRun) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    return span((run.finished_at - run.started_at).total_seconds())


def _step_note(run: StepRun, status: StepStatus) -> str:
    """What is to be known of a step that does not stand still."""
    match status:
        case StepStatus.SUCCEEDED | StepStatus.RUNNING if run.attempt > 1:
            return f"Try {run.attempt}."
        case _:
            return ""


def _execution_note(execution: Execution) -> str:
    match ExecutionStatus(execution.status):
        case ExecutionStatus.FAILED | ExecutionStatus.TIMED_OUT | ExecutionStatus.CANCELLED:
            step = execution.error.get("step") if isinstance(execution.error, dict) else None
            return f"{step}: {_message(execution.error)}" if step else _message(execution.error)
        case _:
            return ""


def _message(error: Any) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else ""
