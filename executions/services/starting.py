"""The one way into a run: a row first, then a wake-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import uuid_utils.compat

from executions import dispatch, transitions
from executions.engine import decide
from executions.models import Execution
from executions.moves import Move, NewEvent, NewExecution, NewStep
from executions.plan import Plan
from executions.services import admission
from executions.services.admission import Admission
from executions.services.plans import plan_of
from executions.services.settling import new_step, step_events
from executions.states import ExecutionStatus, StepStatus
from tenants import scope
from tenants import services as tenants
from tenants.actions import Action
from tenants.problems import Problem
from tenants.scope import Call, Prepared
from tenants.services import audit
from tenants.services.audit import Target
from workflows import schemas
from workflows.definition import JSON
from workflows.models import Workflow


def start(
    *,
    workflow: Workflow,
    kind: str,
    body: JSON,
    by: str = "",
    expected_version: int | None = None,
    execution_id: UUID | None = None,
) -> Execution:
    """Start the workflow's current version by hand or by API, in the open tenant scope.

    Raises Problem 409 when it was never published, is archived or paused, or when another version
    is the current one than is expected; 422 when the body is not what its input schema asks for;
    507 when the tenant has stored as much as it may.
    """
    version_id = live_version(workflow)
    refuse_paused(workflow)
    _expect(workflow, expected_version)
    tenants.check_storage(workflow.tenant_id)
    plan = plan_of(version_id)
    check_input(plan, body)
    begun = begin(
        scope.prepared(),
        tenant_id=workflow.tenant_id,
        plan=plan,
        new=NewExecution(
            workflow_id=workflow.id,
            version_id=version_id,
            kind=kind,
            trigger=trigger(kind=kind, body=body),
            timeout=plan.definition.limits.timeout,
        ),
        message=f"Started by {by}." if by else "Started.",
        execution_id=execution_id,
    )
    if kind == "manual":  # a person; what keys and webhooks start is traffic, as its history says
        target = Target("execution", str(begun.execution_id), str(begun.execution_id))
        audit.record(Action.EXECUTION_STARTED, target, after={"workflow": workflow.slug})
    scope.on_commit(partial(dispatch.wake, begun.ready))
    return Execution.objects.select_related("workflow", "version").get(id=begun.execution_id)


def live_version(workflow: Workflow) -> UUID:
    """The version that a new run is of. Raises Problem 409 if there is none."""
    if workflow.current_id is None or workflow.archived_at is not None:
        raise Problem(409, "not-published", f"The workflow {workflow.slug!r} has no live version.")
    return workflow.current_id


def _expect(workflow: Workflow, number: int | None) -> None:
    current = workflow.current
    if number is not None and current is not None and current.number != number:
        raise Problem(
            409,
            "version-changed",
            f"Version {current.number} is live, not version {number}.",
        )


def refuse_paused(workflow: Workflow) -> None:
    """Raise Problem 409 if the workflow is paused: nobody begins a run of it anew."""
    if workflow.paused_at is not None:
        raise Problem(
            409, "paused", f"The workflow {workflow.slug!r} is paused. Resume it to begin runs."
        )


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
    """A stored execution. Once it is committed, workers are to be woken for what is `ready`."""

    execution_id: UUID
    ready: int


def begin(
    db: Prepared,
    *,
    tenant_id: UUID,
    plan: Plan,
    new: NewExecution,
    message: str,
    execution_id: UUID | None = None,
    reused: tuple[str, ...] = (),
    last: bool = False,
) -> Begun:
    """Store a queued execution, in the open transaction of its tenant.

    Its first steps are written by the worker that begins it; but those of a for_each's item at
    once, since its parent has begun. A test takes none of its workflow's places. `reused` are keys
    of steps to take over from its origin. With `last` nothing else is to be written: the
    transaction may end with it.
    """
    ident = execution_id or uuid_utils.compat.uuid7()
    is_item = new.parent is not None and new.parent.item_index is not None
    first = _first_steps(plan) if is_item else []
    admitted: Admission = "run"
    if plan.definition.limits.executions is not None and not (is_item or new.test):
        admitted = admission.admit(db, tenant_id, new.workflow_id, plan.definition.limits)
        new = replace(new, limited=True, held=admitted == "hold")
    move = _created(tenant_id, ident, new, message, reused, first)
    transitions.start(db, new, move, last=last and not reused and admitted == "run")
    if reused and new.origin_id is not None:
        transitions.reuse(db, move, new.origin_id, reused)
    if admitted == "drop":
        admission.drop(db, move, plan.definition.limits, has_parent=new.parent is not None)
        return Begun(ident, 0)
    return Begun(ident, 0 if new.held else max(len(first), 1))


def begin_if(
    db: Prepared,
    only_if: Call,
    *,
    tenant_id: UUID,
    plan: Plan,
    new: NewExecution,
    message: str,
    execution_id: UUID,
) -> Begun | None:
    """As `begin`, in one round trip with an insertion of the caller's, with which it ends.

    None: that one returned no row, and nothing was stored.
    """
    if plan.definition.limits.executions is not None:  # room is made only if it is to be taken
        if db.first(*only_if) is None:
            return None
        return begin(
            db,
            tenant_id=tenant_id,
            plan=plan,
            new=new,
            message=message,
            execution_id=execution_id,
            last=True,
        )
    move = _created(tenant_id, execution_id, new, message)
    stored = transitions.start(db, new, move, only_if=only_if, last=True)
    return Begun(execution_id, 1) if stored else None


def _created(
    tenant_id: UUID,
    execution_id: UUID,
    new: NewExecution,
    message: str,
    reused: Sequence[str] = (),
    first: Sequence[NewStep] = (),
) -> Move:
    return Move(
        tenant_id=tenant_id,
        execution_id=execution_id,
        status=ExecutionStatus.QUEUED,
        known_seq=0,
        events=[
            NewEvent("execution.created", message, data={"trigger": new.kind}),
            *(NewEvent("step.reused", "Taken over.", step=key) for key in reused),
            *step_events(first),
        ],
        steps=first,
    )


def _first_steps(plan: Plan) -> list[NewStep]:
    first = decide(plan.graph, {}, parallel=plan.definition.limits.parallel).ready
    return [new_step(plan, key, StepStatus.QUEUED) for key in first]
