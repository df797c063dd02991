"""Runs that a step starts: the items of a for_each, another workflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import uuid_utils.compat
from django.conf import settings
from django.db.models import Count, Q, QuerySet

from executions.models import Execution, StepRun
from executions.moves import NewExecution, Parent
from executions.plan import Plan
from executions.runs import Attempt, Claim, Run
from executions.services.plans import plan_for, plan_of
from executions.services.starting import begin, check_input, trigger
from executions.states import EXECUTION_ENDED, ExecutionStatus
from tenants import scope
from tenants.problems import Problem
from tenants.scope import Prepared
from workflows.definition import JSON
from workflows.models import WorkflowVersion
from workflows.steps.base import Done, Error, Failed, ForEach, StartWorkflow


@dataclass(frozen=True)
class Child:
    """A run to be started."""

    execution_id: UUID
    plan: Plan
    new: NewExecution


def prepare(claim: Claim, attempt: Attempt) -> tuple[Attempt, Sequence[Child]]:
    """The runs that a step's result starts, before the transaction that records it.

    What cannot be started fails the step; a step that does not wait is done.
    """
    match attempt.result:
        case ForEach(items=()):
            return replace(attempt, result=Done(_results([]))), ()
        case ForEach(items, parallel):
            parent = Parent(claim.run.execution_id, claim.key, claim.fence)
            plan = plan_for(claim.run.tenant_id, claim.run.version_id, claim.key)
            first = range(min(parallel, len(items)))
            return attempt, [_item(claim.run, plan, parent, items[at], at) for at in first]
        case StartWorkflow() as started:
            return _prepare_workflow(claim, attempt, started)
        case _:
            return attempt, ()


def _prepare_workflow(
    claim: Claim, attempt: Attempt, started: StartWorkflow
) -> tuple[Attempt, Sequence[Child]]:
    try:
        child = _workflow(claim, started)
    except Problem as problem:
        why = "; ".join(str(error["message"]) for error in problem.errors) or problem.detail
        error = Error("child", f"{started.workflow} did not start: {why}")
        return replace(attempt, result=Failed(error)), ()
    if started.wait:
        return attempt, [child]
    return replace(attempt, result=Done({"execution_id": str(child.execution_id)})), [child]


def _workflow(claim: Claim, started: StartWorkflow) -> Child:
    run = claim.run
    version_id = run.plan.pins.get(started.workflow)
    if version_id is None:
        raise Problem(422, "not-pinned", "The version to start was not pinned at publish.")
    with scope.tenant(run.tenant_id):
        plan = plan_of(version_id)
        workflow_id = WorkflowVersion.objects.values_list("workflow_id", flat=True).get(
            id=version_id
        )
        created_at = Execution.objects.values_list("created_at", flat=True).get(id=run.execution_id)
    check_input(plan, started.input)
    if run.depth >= settings.MAX_CHAIN:
        raise Problem(422, "too-deep", f"{run.depth} runs led to this one already.")
    parent = Parent(run.execution_id, claim.key, claim.fence) if started.wait else None
    new = NewExecution(
        workflow_id=workflow_id,
        version_id=version_id,
        kind="sub_workflow",
        trigger=trigger(kind="sub_workflow", body=started.input),
        timeout=plan.definition.limits.timeout,
        # It takes its parent's place in the line: what is begun is to end.
        due_at=created_at if started.wait else None,
        parent=parent,
        origin_id=run.execution_id,
        depth=run.depth + 1,
        key_root=run.idempotency_key(claim.key) if started.wait else None,
        test=run.test,
    )
    return Child(uuid_utils.compat.uuid7(), plan, new)


def _item(run: Run, plan: Plan, parent: Parent, value: JSON, index: int) -> Child:
    new = NewExecution(
        workflow_id=run.workflow_id,
        version_id=run.version_id,
        kind="item",
        trigger={"item": value, "index": index},
        timeout=plan.definition.limits.timeout,
        parent=replace(parent, item_index=index),
        depth=run.depth,
        # The step's key is its body's: no two steps of a definition have the same.
        key_root=run.key_root if run.item is None else f"{run.key_root}.{run.item.index}",
        test=run.test,
    )
    return Child(uuid_utils.compat.uuid7(), plan, new)


def spawn(db: Prepared, tenant_id: UUID, children: Sequence[Child]) -> int:
    """Store runs in the transaction in which their step begins to wait; says how many are ready."""
    return sum(
        begin(
            db,
            tenant_id=tenant_id,
            plan=child.plan,
            new=child.new,
            message=_STARTED[child.new.kind],
            execution_id=child.execution_id,
        ).ready
        for child in children
    )


_STARTED = {"item": "Started for an item.", "sub_workflow": "Started by a step."}


# --- How a step goes on whose runs have ended -----------------------------------------------------


_FAILED = EXECUTION_ENDED - {ExecutionStatus.SUCCEEDED}


@dataclass(frozen=True)
class Ended:
    """A run that ended, as its parent's step sees it."""

    index: int | None
    id: UUID
    status: ExecutionStatus
    output: JSON
    error: JSON

    @property
    def failure(self) -> dict[str, JSON] | None:
        """Why it did not succeed."""
        if self.status is ExecutionStatus.SUCCEEDED:
            return None
        facts = self.error if isinstance(self.error, dict) else {}
        return {"kind": self.status.value, "message": f"It ended {self.status}.", **facts}


@dataclass(frozen=True)
class Progress:
    """What is next for a step that waits for runs: its end, or further runs, or neither."""

    result: Done | Failed | None = None
    children: Sequence[Child] = ()


def progress(run: Run, step: StepRun) -> Progress:
    """How a waiting step of a locked run stands, in the open scope of the tenant."""
    rows = Execution.objects.filter(
        tenant_id=run.tenant_id,
        parent_id=run.execution_id,
        parent_step=step.key,
        parent_fence=step.fence,
    ).order_by("item_index")
    if step.waits["for"] == "workflow":
        child = rows.get()
        return Progress(_end_of_workflow(_ended(child))) if _has_ended(child) else Progress()
    return _progress_of_items(run, step, rows)


def _progress_of_items(run: Run, step: StepRun, rows: QuerySet[Execution]) -> Progress:
    total, parallel, collect = (step.waits[name] for name in ("items", "parallel", "collect"))
    # Counted by Postgres, at one moment: the end of an item must not cost a look at all others.
    count = rows.aggregate(
        begun=Count("id"),
        ended=Count("id", filter=Q(status__in=EXECUTION_ENDED)),
        failed=Count("id", filter=Q(status__in=_FAILED)),
    )
    begun, ended = count["begun"], count["ended"]
    if count["failed"] and not collect:
        return Progress(_failed_item(_ended(rows.filter(status__in=_FAILED)[0])))
    if ended == total:
        return Progress(_all_items([_ended(row) for row in rows.defer("trigger")]))
    room = min(parallel - (begun - ended), total - begun)
    if room <= 0:
        return Progress()
    parent = Parent(run.execution_id, step.key, step.fence)
    plan = plan_of(run.version_id, step.key)
    items = (step.input or {})["items"]
    next_ones = range(begun, begun + room)
    return Progress(children=[_item(run, plan, parent, items[at], at) for at in next_ones])


def _has_ended(row: Execution) -> bool:
    return row.status in EXECUTION_ENDED


def _ended(row: Execution) -> Ended:
    return Ended(row.item_index, row.id, ExecutionStatus(row.status), row.output, row.error)


def _end_of_workflow(child: Ended) -> Done | Failed:
    if child.failure is None:
        return Done({"execution_id": str(child.id), "output": child.output})
    message = f"The execution {child.id} ended {child.status}: {child.failure['message']}"
    details: dict[str, JSON] = {"execution_id": str(child.id), "status": child.status.value}
    return Failed(Error("child", message, details=details))


def _failed_item(child: Ended) -> Failed:
    failure = child.failure or {}
    message = f"Item {child.index} ended {child.status}: {failure.get('message', '')}"
    details: dict[str, JSON] = {"execution_id": str(child.id), "index": child.index}
    return Failed(Error("child", message, details=details))


def _all_items(ended: list[Ended]) -> Done | Failed:
    output = _results(ended)
    size = len(json.dumps(output))
    if size > settings.MAX_RESULT_BYTES:
        message = (
            f"The results have {size} bytes, at most {settings.MAX_RESULT_BYTES} are allowed. "
            "Let `result` keep only what is needed of each item."
        )
        return Failed(Error("too_large", message))
    return Done(output)


def _results(ended: list[Ended]) -> dict[str, JSON]:
    errors: list[JSON] = [
        {
            "index": child.index,
            "step": child.failure.get("step"),
            "kind": child.failure["kind"],
            "message": child.failure["message"],
        }
        for child in ended
        if child.failure is not None
    ]
    results = [child.output if child.failure is None else None for child in ended]
    return {
        "results": results,
        "errors": errors,
        "succeeded": len(ended) - len(errors),
        "failed": len(errors),
    }
