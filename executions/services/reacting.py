"""What starts because a run ended: the workflows that subscribe to it (docs/TRIGGERS.md).

A subscription reacts once to a run: its reaction is a row with a key, written in one transaction
with the run that it begins. Whoever dies in between has done nothing, and the mark on the ended run
lets the sweeper do it again (services/following.py). Filters are evaluated outside any transaction,
and in workers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

import uuid_utils.compat
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from executions import dispatch, failpoints
from executions.models import Execution, Reaction
from executions.moves import NewExecution
from executions.plan import Plan
from executions.services.plans import plan_of
from executions.services.starting import begin, check_input, live_version, refuse_paused, trigger
from executions.states import EXECUTION_ENDED
from tenants import scope
from tenants.problems import Problem
from tenants.scope import Prepared
from workflows import filters
from workflows.definition import JSON
from workflows.expressions import ExpressionError
from workflows.models import Subscription, Workflow

KIND = "workflow"

# No row comes back if the subscription has reacted already: another worker was faster.
_REACTION = """
INSERT INTO executions_reaction
  (tenant_id, execution_id, subscription_id, outcome, reason, started_id, at)
VALUES (%(tenant)s, %(execution)s, %(subscription)s, %(outcome)s, %(reason)s, %(started)s, now())
ON CONFLICT DO NOTHING RETURNING 1
"""


def summary(execution: Execution) -> dict[str, JSON]:
    """The facts of a run, as a run that starts because of it sees them: `execution`."""
    return {
        "id": str(execution.id),
        "workflow": execution.workflow.slug,
        "version": execution.version.number,
        "status": execution.status,
        "url": f"{settings.PUBLIC_URL}/api/v1/executions/{execution.id}/",
    }


def is_heard(tenant_id: UUID, execution_id: UUID) -> bool:
    """Whether a subscription has yet to react to an ended run."""
    with scope.tenant(tenant_id):
        ended = _ended(execution_id).first()
        return ended is not None and _hearing(ended).exists()


def react(tenant_id: UUID, execution_id: UUID) -> None:
    """Let every subscription that hears of an ended run react, outside any transaction."""
    with scope.tenant(tenant_id):
        ended = _ended(execution_id).first()
        if ended is None:
            return
        hearing = list(_hearing(ended).order_by("id"))
    for subscription in hearing:
        _react(ended, subscription)


def _ended(execution_id: UUID) -> QuerySet[Execution]:
    heard = Execution.objects.filter(status__in=EXECUTION_ENDED, parent=None, test=False)
    rows = heard.filter(id=execution_id)
    return rows.select_related("workflow", "version").defer(
        "trigger", "workflow__draft", "version__definition"
    )


def _hearing(ended: Execution) -> QuerySet[Subscription]:
    """The subscriptions that hear of a run and have not reacted (executions/statements.py, _HEARD).

    One to all workflows hears only of runs that no other run led to, and of none of its own: so it
    can be part of no loop.
    """
    all_of_them = Q(source=None) & ~Q(workflow_id=ended.workflow_id)
    heard = Q(source_id=ended.workflow_id) | (all_of_them if ended.depth == 0 else Q(pk=None))
    reacted = Reaction.objects.filter(
        tenant_id=ended.tenant_id, execution_id=ended.id, subscription_id=OuterRef("id")
    )
    rows = Subscription.objects.filter(
        heard, ~Exists(reacted), enabled=True, statuses__contains=[ended.status]
    )
    return rows.select_related("workflow").defer("workflow__draft")


@dataclass(frozen=True)
class _Verdict:
    outcome: str
    reason: str = ""


def _react(ended: Execution, subscription: Subscription) -> None:
    event = _event(ended)
    verdict = _judged(subscription, event)
    with scope.tenant(ended.tenant_id):
        db = scope.prepared()
        plan = None
        if verdict.outcome == "started":
            plan, verdict = _accepted(ended, subscription.workflow, event)
        started = None if plan is None else uuid_utils.compat.uuid7()
        values = {
            "tenant": ended.tenant_id,
            "execution": ended.id,
            "subscription": subscription.id,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "started": started,
        }
        if db.first(_REACTION, values) is None:
            return
        if plan is not None and started is not None:
            _begin(db, ended, subscription.workflow, plan, event, started)
        if verdict.outcome != "filtered":
            rows = Subscription.objects.filter(id=subscription.id)
            rows.exclude(problem=verdict.reason).update(problem=verdict.reason)
        failpoints.hit("in_reaction")


def _event(ended: Execution) -> dict[str, JSON]:
    """What a filter sees as `event`, and the started run as its trigger's body."""
    error = ended.error if isinstance(ended.error, dict) else {}
    finished_at = ended.finished_at or ended.created_at
    return {
        "execution": {
            **summary(ended),
            "trigger": ended.trigger_kind,
            "created_at": ended.created_at.isoformat(timespec="milliseconds"),
            "finished_at": finished_at.isoformat(timespec="milliseconds"),
        },
        "output": ended.output,
        "step": error.get("step"),
        "error": ended.error,
    }


def _judged(subscription: Subscription, event: dict[str, JSON]) -> _Verdict:
    try:
        passes = filters.passes(subscription.filter, event)
    except ExpressionError as error:
        return _Verdict("filter_failed", f"filter: {error.message.rstrip('.')}.")
    return _Verdict("started" if passes else "filtered")


def _accepted(
    ended: Execution, workflow: Workflow, event: dict[str, JSON]
) -> tuple[Plan | None, _Verdict]:
    """The plan to begin, or why the workflow would not take the event."""
    try:
        if ended.depth >= settings.MAX_CHAIN:
            raise Problem(409, "too-deep", f"{ended.depth} runs led to this one already.")
        refuse_paused(workflow)
        plan = plan_of(live_version(workflow))
        check_input(plan, event)
    except Problem as problem:
        errors = "; ".join(f"{error['field']}: {error['message']}" for error in problem.errors)
        return None, _Verdict("refused", f"{problem.detail} {errors}".strip())
    return plan, _Verdict("started")


def _begin(
    db: Prepared,
    ended: Execution,
    workflow: Workflow,
    plan: Plan,
    event: dict[str, JSON],
    execution_id: UUID,
) -> None:
    begun = begin(
        db,
        tenant_id=ended.tenant_id,
        plan=plan,
        new=NewExecution(
            workflow_id=workflow.id,
            version_id=live_version(workflow),
            kind=KIND,
            trigger=trigger(kind=KIND, body=event),
            timeout=plan.definition.limits.timeout,
            origin_id=ended.id,
            depth=ended.depth + 1,
        ),
        message=f"Started by the end of a run of {ended.workflow.slug}: {ended.status}.",
        execution_id=execution_id,
    )
    scope.on_commit(partial(dispatch.wake, begun.ready))
