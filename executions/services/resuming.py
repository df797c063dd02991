"""Running again: a failed run from where it failed, or the same trigger from the start.

Both make a new execution that names its origin; the old one stays as it ended. A resumed run takes
over what its origin's steps brought, and the first part of its Idempotency-Keys, so that a call
that is made again carries the key that it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal
from uuid import UUID

from executions import dispatch
from executions.models import Execution, StepRun
from executions.moves import NewExecution
from executions.plan import Plan
from executions.services.plans import plan_of
from executions.services.starting import begin, check_input, live_version, refuse_paused
from executions.states import EXECUTION_ENDED, ExecutionStatus, StepStatus
from tenants import scope
from tenants.actions import Action
from tenants.problems import Problem
from tenants.services import audit
from workflows.graph import Graph

Version = Literal["same", "current"]


@dataclass(frozen=True)
class Again:
    """A step that would run in a resumed execution, and why."""

    key: str
    why: str
    uncertain: bool = False  # its call may have been made before, and must not be made twice


@dataclass(frozen=True)
class Preview:
    """What resuming would do: take over, run, leave out (steps that the version no longer has)."""

    reused: tuple[str, ...]
    runs: tuple[Again, ...]
    gone: tuple[str, ...]


def preview(execution: Execution, *, version: Version = "same", step: str | None = None) -> Preview:
    """What `resume` would do, in the open scope of the tenant. Raises Problem as it does."""
    _refuse_unresumable(execution, step)
    old, new = plan_of(execution.version_id), plan_of(_version_id(execution, version))
    rows = {row.key: row for row in StepRun.objects.filter(execution=execution)}
    if step is not None and step not in new.graph.steps:
        raise Problem(422, "unknown-step", f"The version has no step {step!r}.")
    again: dict[str, Again] = {}
    for key in new.graph.order:
        why = _why_again(key, old, new, rows, step) or _after(new.graph, key, again)
        if why:
            again[key] = Again(key, why, _is_uncertain(new, key, rows.get(key)))
    reused = [key for key in new.graph.order if key not in again and _is_final(rows.get(key))]
    return Preview(
        reused=tuple(reused),
        runs=tuple(again.values()),
        gone=tuple(key for key in rows if key not in new.graph.steps),
    )


def resume(
    execution: Execution,
    *,
    by: str,
    version: Version = "same",
    step: str | None = None,
    repeat: frozenset[str] = frozenset(),
    delay: float = 0.0,
    execution_id: UUID | None = None,
) -> Execution:
    """A new run that goes on from the failed steps, or from `step`, of one that has ended.

    `repeat` names the steps that may run again although their calls may have been made already and
    repeating them may do harm. Raises Problem 409 if the execution has not ended or has succeeded
    (unless a step is named), or if a step that is uncertain is not in `repeat`.
    """
    plan = preview(execution, version=version, step=step)
    unsure = [one.key for one in plan.runs if one.uncertain and one.key not in repeat]
    if unsure:
        raise Problem(
            409,
            "uncertain",
            "Whether these steps' calls were made is not known; name those that may be repeated.",
            errors=[
                {"code": "uncertain", "step": key, "message": "It may have been done already."}
                for key in unsure
            ],
        )
    return _begin_again(
        execution,
        "resume",
        version,
        by=by,
        reused=plan.reused,
        delay=delay,
        execution_id=execution_id,
    )


def replay(
    execution: Execution,
    *,
    by: str,
    version: Version = "current",
    delay: float = 0.0,
    execution_id: UUID | None = None,
) -> Execution:
    """A new run with the same trigger, from the start. Raises Problem as `start` does."""
    _refuse_item(execution)
    if not execution.test:
        refuse_paused(execution.workflow)
    return _begin_again(execution, "replay", version, by=by, delay=delay, execution_id=execution_id)


def _begin_again(
    execution: Execution,
    kind: Literal["resume", "replay"],
    version: Version,
    *,
    by: str,
    reused: tuple[str, ...] = (),
    delay: float,
    execution_id: UUID | None,
) -> Execution:
    version_id = _version_id(execution, version)
    plan = plan_of(version_id)
    if version_id != execution.version_id:
        check_input(plan, execution.trigger["body"])
    new = NewExecution(
        workflow_id=execution.workflow_id,
        version_id=version_id,
        kind=kind,
        trigger=execution.trigger,
        timeout=plan.definition.limits.timeout,
        delay=delay,
        origin_id=execution.id,
        key_root=(execution.key_root or str(execution.id)) if kind == "resume" else None,
        test=execution.test,
    )
    word = "Resumed" if kind == "resume" else "Replayed"
    begun = begin(
        scope.prepared(),
        tenant_id=execution.tenant_id,
        plan=plan,
        new=new,
        message=f"{word} by {by}.",
        reused=reused,
        execution_id=execution_id,
    )
    verb = Action.EXECUTION_RESUMED if kind == "resume" else Action.EXECUTION_REPLAYED
    audit.record(verb, execution, after={"execution": begun.execution_id, "version": version})
    scope.on_commit(partial(dispatch.wake, begun.ready))
    return Execution.objects.select_related("workflow", "version").get(id=begun.execution_id)


def _refuse_unresumable(execution: Execution, step: str | None) -> None:
    _refuse_item(execution)
    if execution.status not in EXECUTION_ENDED:
        raise Problem(409, "not-ended", f"The execution is {execution.status}: it has not ended.")
    if step is None and execution.status == ExecutionStatus.SUCCEEDED:
        raise Problem(409, "succeeded", "Nothing failed in it. Name the step to resume from.")


def _refuse_item(execution: Execution) -> None:
    if execution.item_index is not None:
        raise Problem(
            409, "item", "This is one item of a for_each step: resume the execution around it."
        )


def _version_id(execution: Execution, version: Version) -> UUID:
    """A trial of a draft runs again the draft that it ran: it is no version's run."""
    if version == "same" or execution.version.number is None:
        return execution.version_id
    return live_version(execution.workflow)


def _why_again(
    key: str, old: Plan, new: Plan, rows: Mapping[str, StepRun], step: str | None
) -> str:
    row = rows.get(key)
    if key == step:
        return "It is the step to resume from."
    if row is None:
        return "It did not run."
    if key not in old.graph.steps or old.step(key) != new.step(key):
        return "The version has changed it."
    if row.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED):
        return ""
    if row.status == StepStatus.FAILED and key in new.graph.handles_failure:
        return ""  # its failure was taken into account
    return "It failed." if row.status == StepStatus.FAILED else f"It was {row.status}."


def _after(graph: Graph, key: str, again: Mapping[str, Again]) -> str:
    for need in graph.incoming[key]:
        if need.step in again:
            return f"It comes after {need.step}."
    return ""


def _is_final(row: StepRun | None) -> bool:
    """Whether it is taken over as it is. A step that was skipped is decided anew, unless its call
    was sent and somebody said to go on without it."""
    if row is None:
        return False
    if row.status == StepStatus.SKIPPED:
        return row.sent_at is not None
    return row.status in (StepStatus.SUCCEEDED, StepStatus.FAILED)


def _is_uncertain(plan: Plan, key: str, row: StepRun | None) -> bool:
    """Its call was sent, nobody knows what came of it, and it may do harm to send it again."""
    if row is None or row.sent_at is None or plan.step(key).idempotent is True:
        return False
    return row.status == StepStatus.CANCELLED
