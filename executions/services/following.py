"""What follows a transition in other executions, and who is told of it.

A transition that concerns other executions leaves a mark on its own (`follow_up`). Whoever made it
follows up right after the commit; if that is lost, the sweeper finds the mark. Each part looks at
what is true now, in a transaction of its own, and can be done twice: of two executions only one is
ever locked, but for a parent, which is locked before its children.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from executions import dispatch, events, failpoints, transitions
from executions.models import Execution, StepRun
from executions.moves import Move, NewExecution
from executions.runs import Run
from executions.services import admission, children, reacting
from executions.services.cancelling import cancel
from executions.services.locking import lock_run, step_of
from executions.services.plans import plan_for, plan_of
from executions.services.settling import ALARMING, settle
from executions.services.starting import begin, trigger
from executions.services.writing import finish
from executions.states import EXECUTION_ENDED, EXECUTION_OPEN, STEP_OPEN, StepStatus
from tenants import scope
from workflows.definition import JSON
from workflows.models import Workflow

TELL_SECONDS = 0.02  # between wake-ups for readers while one quick step follows another
SETTLED_SECONDS = 2  # before the sweeper looks after what its maker has not followed up
BATCH = 500


def after_commit(
    move: Move, run: Run | None = None, *, ready: int = 0, by_worker: bool = False
) -> None:
    """Tell the world what is now true, outside any transaction; losing this loses nothing.

    `ready` counts steps of other runs that are ready now.
    """
    failpoints.hit("after_commit_before_wake")
    dispatch.wake(ready + sum(step.status is StepStatus.QUEUED for step in move.steps))
    if run is None or _is_worth_telling(move, run):
        events.publish(move.execution_id, move.last_seq)
    if move.follow_up:
        failpoints.hit("before_follow_up")
        follow_up(move.tenant_id, move.execution_id, by_worker=by_worker)


def _is_worth_telling(move: Move, run: Run) -> bool:
    """False while one quick step follows another: there is more to tell soon."""
    ours = next((step.key for step in move.steps if step.status is StepStatus.RUNNING), None)
    soon_again = ours is not None and not run.plan.step_type(ours).calls_out
    now = time.monotonic()
    if soon_again and now - run.told_at <= TELL_SECONDS:
        return False
    run.told_at = now
    return True


def left_to_follow() -> list[tuple[UUID, UUID]]:
    """Executions whose follow-up was lost or is late: pairs of tenant and execution."""
    with scope.operator("the sweeper looks for follow-ups that were lost"):
        settled = Q(finished_at=None) | Q(
            finished_at__lt=Now() - timedelta(seconds=SETTLED_SECONDS)
        )
        rows = Execution.objects.filter(settled, follow_up=True).order_by("id")
        return list(rows.values_list("tenant_id", "id")[:BATCH])


@dataclass(frozen=True)
class _Facts:
    """What decides what is to be done after a transition."""

    last_seq: int
    status: str
    workflow_id: UUID
    version_id: UUID
    parent_id: UUID | None
    parent_step: str | None
    is_item: bool
    limited: bool
    test: bool
    kind: str
    depth: int


def follow_up(tenant_id: UUID, execution_id: UUID, *, by_worker: bool = True) -> None:
    """Do what a marked execution asks for, outside any transaction.

    What only a worker may do, evaluate expressions (outputs, subscriptions' filters), is left to
    the sweeper by others.
    """
    facts = _facts(tenant_id, execution_id)
    if facts is None:
        return
    body = facts.parent_step if facts.is_item else None
    plan = plan_for(tenant_id, facts.version_id, body)
    if plan.has_children:
        _cancel_orphans(tenant_id, execution_id, by_worker=by_worker)
    if facts.status in EXECUTION_ENDED:
        if facts.parent_id is not None:
            _report(tenant_id, execution_id, facts.parent_id, by_worker=by_worker)
        is_quiet = facts.is_item or facts.test or facts.kind == "failure"
        if facts.status in ALARMING and not is_quiet:
            _alarm(tenant_id, execution_id, facts)
        if facts.limited:
            admission.admit_next(tenant_id, facts.workflow_id)
        if facts.parent_id is None and not _react(tenant_id, execution_id, by_worker=by_worker):
            return
    elif plan.definition.output is not None and _lacks_output(tenant_id, execution_id):
        if by_worker:
            _end(tenant_id, execution_id)
        return
    with scope.tenant(tenant_id):
        rows = Execution.objects.filter(id=execution_id, last_seq=facts.last_seq)
        rows.update(follow_up=False)


def _react(tenant_id: UUID, execution_id: UUID, *, by_worker: bool) -> bool:
    """Let subscriptions react; False: a worker must."""
    if by_worker:
        reacting.react(tenant_id, execution_id)
        return True
    return not reacting.is_heard(tenant_id, execution_id)


def _lacks_output(tenant_id: UUID, execution_id: UUID) -> bool:
    """Whether all steps of an open run have ended, and nobody who may has evaluated its output."""
    with scope.tenant(tenant_id):
        steps = StepRun.objects.filter(tenant_id=tenant_id, execution_id=execution_id)
        return not steps.filter(status__in=STEP_OPEN).exists()


def _end(tenant_id: UUID, execution_id: UUID) -> None:
    """End a run that lacks only its output, in a worker; the end is followed up in turn."""
    with scope.tenant(tenant_id):
        db = scope.prepared()
        run = lock_run(db, tenant_id, execution_id)
        if run is None:
            return
        move = transitions.move(db, settle(db, run, [], worker_id=None, by_worker=True))
    if move is not None:
        after_commit(move, run, by_worker=True)


def _facts(tenant_id: UUID, execution_id: UUID) -> _Facts | None:
    with scope.tenant(tenant_id):
        rows = Execution.objects.filter(id=execution_id, follow_up=True)
        row = rows.defer("trigger", "output", "error").first()
    if row is None:
        return None
    return _Facts(
        last_seq=row.last_seq,
        status=row.status,
        workflow_id=row.workflow_id,
        version_id=row.version_id,
        parent_id=row.parent_id,
        parent_step=row.parent_step,
        is_item=row.item_index is not None,
        limited=row.limited,
        test=row.test,
        kind=row.trigger_kind,
        depth=row.depth,
    )


def _cancel_orphans(tenant_id: UUID, execution_id: UUID, *, by_worker: bool) -> None:
    """Cancel runs that the execution's steps no longer wait for."""
    with scope.tenant(tenant_id):
        waits = StepRun.objects.filter(
            tenant_id=tenant_id,
            execution_id=execution_id,
            key=OuterRef("parent_step"),
            fence=OuterRef("parent_fence"),
            status=StepStatus.WAITING,
        )
        orphans = list(
            Execution.objects.filter(
                ~Exists(waits),
                tenant_id=tenant_id,
                parent_id=execution_id,
                status__in=EXECUTION_OPEN,
            ).values_list("id", flat=True)
        )
    for orphan in orphans:
        with scope.tenant(tenant_id):
            move = cancel(tenant_id, orphan, "Nobody waits for it any more.")
        if move is not None:
            after_commit(move, by_worker=by_worker)


def _report(tenant_id: UUID, child_id: UUID, parent_id: UUID, *, by_worker: bool) -> None:
    """Let the step that waits for a run know that it has ended."""
    with scope.tenant(tenant_id):
        child = Execution.objects.only("parent_step", "parent_fence").get(id=child_id)
        db = scope.prepared()
        run = lock_run(db, tenant_id, parent_id)
        step = None if run is None else step_of(run, str(child.parent_step))
        if run is None or step is None or step.status != StepStatus.WAITING:
            return
        if step.fence != child.parent_fence:
            return
        progress = children.progress(run, step)
        ready = children.spawn(db, tenant_id, progress.children)
        move = None
        if progress.result is not None:
            move = finish(db, run, step, progress.result, by_worker=by_worker)
    if move is not None:
        after_commit(move, run, ready=ready, by_worker=by_worker)
    else:
        dispatch.wake(ready)


def _alarm(tenant_id: UUID, execution_id: UUID, facts: _Facts) -> None:
    """Start the workflow that the failed one names, once."""
    with scope.tenant(tenant_id):
        db = scope.prepared()
        transitions.lock(db, execution_id)  # one at a time: whether it is done does not change
        if Execution.objects.filter(origin_id=execution_id, trigger_kind="failure").exists():
            return
        slug = plan_of(facts.version_id).definition.on_failure
        handler = Workflow.objects.filter(slug=slug, archived_at=None).first()
        if handler is None or handler.current_id is None or facts.depth >= settings.MAX_CHAIN:
            return
        failed = Execution.objects.select_related("workflow", "version").get(id=execution_id)
        plan = plan_of(handler.current_id)
        new = NewExecution(
            workflow_id=handler.id,
            version_id=handler.current_id,
            kind="failure",
            trigger=trigger(kind="failure", body=_failure(failed)),
            timeout=plan.definition.limits.timeout,
            origin_id=execution_id,
            depth=facts.depth + 1,
        )
        message = f"Started by the failure of {failed.workflow.slug}."
        begun = begin(db, tenant_id=tenant_id, plan=plan, new=new, message=message)
        scope.on_commit(partial(dispatch.wake, begun.ready))


def _failure(failed: Execution) -> dict[str, JSON]:
    error = failed.error if isinstance(failed.error, dict) else {}
    return {
        "execution": reacting.summary(failed),
        "step": error.get("step"),
        "error": error,
    }
