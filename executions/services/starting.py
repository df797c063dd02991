"""The one way into a run: rows first, then a wake-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat
from django.db import transaction

from executions import dispatch, transitions
from executions.engine import decide
from executions.models import Execution
from executions.plan import Plan
from executions.services.plans import plan_of
from executions.states import ExecutionStatus, StepStatus
from executions.transitions import Move, NewEvent, NewExecution, NewStep
from tenants import scope
from tenants.problems import Problem
from tenants.scope import Prepared
from workflows import schemas
from workflows.definition import JSON
from workflows.models import Workflow


def start(*, workflow: Workflow, kind: str, body: JSON, by: str = "") -> Execution:
    """Start the workflow's current version by hand or by API, in the open tenant scope.

    Raises Problem 409 when it was never published or is archived, 422 when the body is not what
    its input schema asks for.
    """
    if workflow.current_id is None or workflow.archived_at is not None:
        raise Problem(409, "not-published", f"The workflow {workflow.slug!r} has no live version.")
    plan = plan_of(workflow.current_id)
    check_input(plan, body)
    begun = begin(
        scope.prepared(),
        tenant_id=workflow.tenant_id,
        workflow_id=workflow.id,
        version_id=workflow.current_id,
        plan=plan,
        trigger=trigger(kind=kind, body=body),
        message=f"Started by {by}." if by else "Started.",
    )
    transaction.on_commit(lambda: dispatch.wake(begun.queued), robust=True)
    return Execution.objects.select_related("workflow", "version").get(id=begun.execution_id)


def trigger(
    *,
    kind: str,
    body: JSON,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, JSON] | None = None,
) -> dict[str, JSON]:
    """What expressions see as `trigger`."""
    return {
        "kind": kind,
        "body": body,
        "headers": dict(headers or {}),
        "query": dict(query or {}),
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def check_input(plan: Plan, body: JSON) -> None:
    """Raise Problem 422 unless the body is what the version's input schema asks for."""
    if plan.input is None:
        return
    errors = schemas.errors(plan.input, body)
    if errors:
        raise Problem(
            422,
            "input-mismatch",
            "The body is not what the workflow's input schema asks for.",
            errors=[{"code": "schema", **error} for error in errors],
        )


@dataclass(frozen=True)
class Begun:
    """A stored execution. Once it is committed, workers are to be woken for `queued` steps."""

    execution_id: UUID
    queued: int


def begin(
    db: Prepared,
    *,
    tenant_id: UUID,
    workflow_id: UUID,
    version_id: UUID,
    plan: Plan,
    trigger: dict[str, JSON],
    message: str,
    execution_id: UUID | None = None,
) -> Begun:
    """Store a queued execution with its first steps, in the open transaction of its tenant."""
    first = decide(plan.graph, {}, parallel=plan.definition.limits.parallel).ready
    kind = str(trigger["kind"])
    move = Move(
        tenant_id=tenant_id,
        execution_id=execution_id or uuid_utils.compat.uuid7(),
        status=ExecutionStatus.QUEUED,
        first_seq=1,
        events=[
            NewEvent("execution.created", message, data={"trigger": kind}),
            *(NewEvent("step.queued", "Ready to run.", step=key) for key in first),
        ],
        steps=[new_step(plan, key, StepStatus.QUEUED) for key in first],
    )
    execution = NewExecution(
        workflow_id=workflow_id,
        version_id=version_id,
        kind=kind,
        trigger=trigger,
        timeout=plan.definition.limits.timeout,
    )
    transitions.start(db, execution, move)
    return Begun(move.execution_id, len(first))


def new_step(plan: Plan, key: str, status: StepStatus) -> NewStep:
    """A step run as it leaves pending."""
    return NewStep(key=key, type=plan.step(key).type, status=status, timeout=plan.timeout(key))
