"""Answers from outside to steps that wait: a call at a one-time address, a person's decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from uuid import UUID

from django.http import Http404

from executions import transitions
from executions.callbacks import Callback
from executions.models import Signal, StepRun
from executions.moves import Move, NewEvent
from executions.runs import Run
from executions.services.following import after_commit
from executions.services.locking import lock_run, step_of
from executions.services.writing import finish
from executions.states import StepStatus
from executions.storable import storable
from tenants import scope
from tenants.actions import Action
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.services import audit
from tenants.services.audit import Target
from workflows import schemas
from workflows.definition import JSON
from workflows.steps.base import Done

# A step at one of these has yet to begin its wait, unless it has waited already.
_BEFORE_IT_WAITS = frozenset({StepStatus.QUEUED, StepStatus.RUNNING, StepStatus.RETRYING})


def answer(
    callback: Callback, *, body: JSON, headers: Mapping[str, str], query: Mapping[str, JSON]
) -> None:
    """Give a step what it waits for, once; it may come before the step waits.

    Raises Http404 if there is no such step, Problem 409 if it is answered, no longer waits or its
    execution has ended, 422 if the body is not what the step asks for.
    """
    with scope.tenant(callback.tenant_id):
        db = scope.prepared()
        run = lock_run(db, callback.tenant_id, callback.execution_id)
        if run is None:
            raise Problem(409, "not-waiting", "The execution has ended.")
        step = step_of(run, callback.step)
        _refuse_late(run, callback.step, step)
        _check_body(run, callback.step, body)
        content = storable(
            {
                "body": body,
                "headers": dict(headers),
                "query": dict(query),
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
        )
        Signal.objects.create(
            tenant_id=run.tenant_id,
            execution_id=run.execution_id,
            step=callback.step,
            content=content,
        )
        if step is not None and step.status == StepStatus.WAITING:
            move = finish(db, run, step, Done(content))
        else:
            move = _note(run, callback.step)
            transitions.move(db, move)
    after_commit(move, run)


def _refuse_late(run: Run, key: str, step: StepRun | None) -> None:
    if Signal.objects.filter(execution_id=run.execution_id, step=key).exists():
        raise Problem(409, "answered", "This address was used already: it is good for one call.")
    if key not in run.plan.graph.steps:
        raise Http404
    if step is None or step.status == StepStatus.WAITING:
        return
    if step.status not in _BEFORE_IT_WAITS or step.wait is not None:
        raise Problem(409, "not-waiting", f"The step is {step.status}: it waits for no call.")


def _check_body(run: Run, key: str, body: JSON) -> None:
    schema = run.plan.step(key).config.get("schema")
    if not isinstance(schema, dict):
        return
    errors = schemas.errors(schemas.compile(schema), body)
    if errors:
        raise Problem(
            422,
            "input-mismatch",
            "The body is not what the step asks for.",
            errors=[{"code": "schema", **error} for error in errors],
        )


def _note(run: Run, key: str) -> Move:
    """The answer is kept; its event lets whoever decided before it came decide again."""
    return Move(
        tenant_id=run.tenant_id,
        execution_id=run.execution_id,
        status=run.status,
        known_seq=run.seq,
        events=[NewEvent("step.answered", "Its call came before it waits for it.", step=key)],
    )


def decide(
    *,
    tenant_id: UUID,
    execution_id: UUID,
    key: str,
    decision: Literal["approved", "rejected"],
    by: Principal,
    comment: str = "",
    data: JSON = None,
) -> None:
    """Approve or reject, in the open scope of the tenant.

    Raises Http404 for a step that does not exist, Problem 409 if it waits for no approval, 403 if
    this person may not decide, 422 if the data is not what its form asks for.
    """
    db = scope.prepared()
    run = lock_run(db, tenant_id, execution_id)
    step = None if run is None else step_of(run, key)
    if run is None or step is None:
        raise Problem(409, "not-waiting", "The step waits for no approval.")
    if step.status != StepStatus.WAITING or step.waits.get("for") != "approval":
        raise Problem(409, "not-waiting", f"The step is {step.status}: it waits for no approval.")
    ask = step.waits["ask"] or {}
    if not may_decide(ask, by):
        raise Problem(403, "not-asked", "This approval is not yours to give.")
    if decision == "approved":
        _check_form(ask, data)
    output: dict[str, JSON] = {
        "decision": decision,
        "by": by.label,
        "comment": comment,
        "data": data,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    move = finish(db, run, step, Done(output, decision))
    target = Target("execution", str(execution_id), str(execution_id))
    audit.record(Action.STEP_DECIDED, target, after={"step": key, "decision": decision})
    scope.on_commit(partial(after_commit, move, run))


def may_decide(ask: Mapping[str, JSON], by: Principal) -> bool:
    """Whether this person is among those whom the step asks: by role, or by name."""
    match ask:
        case {"people": list() as people, "roles": list() as roles}:
            return by.label.casefold() in people or by.role.value in roles
        case _:
            return False


def _check_form(ask: Mapping[str, JSON], data: JSON) -> None:
    form = ask.get("form")
    if not isinstance(form, dict):
        return
    errors = schemas.errors(schemas.compile(form), {} if data is None else data)
    if errors:
        raise Problem(
            422,
            "form-mismatch",
            "The form is not filled in as it asks.",
            errors=[{"code": "schema", **error} for error in errors],
        )
