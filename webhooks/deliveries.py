"""What is done with deliveries: list, count, send again, run or discard those that were stored.

All of it works in the open tenant scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404

from executions import dispatch
from executions import services as executions
from executions.models import Execution
from executions.moves import NewExecution
from tenants import scope
from tenants.actions import Action
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.services import audit
from webhooks import curl, services
from webhooks.models import Delivery, Endpoint, Resend, Tally
from webhooks.receive import read_body
from webhooks.refusals import UNVERIFIED, Hold, Reason, reason_of
from workflows.models import Workflow

SHOWN = 65_536  # bytes of a body on a page; the API has all of it
COUNTED = 10_000  # rows: an endpoint may have a hundred million
BATCH = 500  # stored deliveries that one call runs


@dataclass(frozen=True)
class ReasonCount:
    """How many requests of an endpoint ended so: `kept` of its latest rows; and `not_kept`, which
    have no row."""

    reason: Reason
    kept: int
    not_kept: int


@dataclass(frozen=True)
class Ran:
    """What became of stored deliveries; `left` still wait."""

    started: int
    refused: int
    left: int

    @property
    def sentence(self) -> str:
        """For people."""
        refused = f" Refused by the live version: {self.refused}." if self.refused else ""
        left = f" {self.left} still wait: go on with the next." if self.left else ""
        return f"Started: {self.started}.{refused}{left}"


# --- Finding -----------------------------------------------------------------------------------


def listed(endpoint: Endpoint, given: Mapping[str, Any] | None = None) -> QuerySet[Delivery]:
    """The endpoint's deliveries, newest first, without their bodies.

    Filters: `reason`, `since`, `until`, `execution` (also one of a resend), `before` (an id).
    """
    rows = Delivery.objects.filter(tenant_id=endpoint.tenant_id, endpoint=endpoint)
    names = {"reason": "reason", "since": "received_at__gte", "until": "received_at__lt"}
    values = given or {}
    for name, lookup in {**names, "before": "id__lt"}.items():
        if values.get(name):
            rows = rows.filter(**{lookup: values[name]})
    if values.get("execution"):
        rows = rows.filter(_whose_run_is(values["execution"]))
    return rows.defer("body", "headers", "query", "problem")


def find(*, delivery_id: UUID) -> Delivery:
    """The delivery with its endpoint and workflow. Raises Http404."""
    rows = Delivery.objects.select_related("endpoint__workflow").defer("endpoint__workflow__draft")
    delivery = rows.filter(id=delivery_id).first()
    if delivery is None:
        raise Http404
    return delivery


def of_execution(*, execution_id: UUID) -> Delivery | None:
    """The delivery that an execution came of, by itself or sent again; None if it is forgotten."""
    rows = Delivery.objects.filter(_whose_run_is(execution_id))
    return rows.exclude(reason=Reason.DUPLICATE.value).only("id").order_by("id").first()


def counts(endpoint: Endpoint) -> list[ReasonCount]:
    """How many requests came in by reason: of the latest COUNTED rows, and of those without one."""
    rows = Delivery.objects.filter(tenant_id=endpoint.tenant_id, endpoint=endpoint)
    latest = Delivery.objects.filter(id__in=rows.order_by("-id").values("id")[:COUNTED])
    kept = dict(latest.order_by().values_list("reason").annotate(Count("id")))
    tallies = Tally.objects.filter(tenant_id=endpoint.tenant_id, endpoint=endpoint)
    seen = tallies.order_by().values("reason").annotate(seen=Sum("seen"), kept=Sum("kept"))
    not_kept = {row["reason"]: row["seen"] - row["kept"] for row in seen}
    return [
        ReasonCount(reason, kept.get(reason.value, 0), not_kept.get(reason.value, 0))
        for reason in Reason
        if reason.value in kept or reason.value in not_kept
    ]


def waiting(workflow: Workflow) -> QuerySet[Delivery]:
    """What came in while the workflow was paused and is neither run nor discarded."""
    # Not a join: an update would look for `hold` in a query of its own, which is not repeated when
    # it has waited for somebody's lock.
    endpoints = Endpoint.objects.filter(workflow=workflow).values("id")
    rows = Delivery.objects.filter(tenant_id=workflow.tenant_id, endpoint_id__in=endpoints)
    return rows.filter(hold=Hold.WAITING.value).order_by("id")


def excerpt(delivery: Delivery) -> str:
    """The beginning of the body as text; of one that is no text, what it is."""
    if delivery.body is None:
        return ""
    body = bytes(delivery.body)
    text = curl.text(body)
    return f"{len(body)} bytes that are no text" if text is None else text[:SHOWN]


def as_curl(delivery: Delivery, caller: Principal | None) -> str:
    """A command that sends the request again; without a caller the staff asks."""
    endpoint = delivery.endpoint
    known = services.may_know(endpoint, caller)
    url = services.url(endpoint) if known else f"{settings.PUBLIC_URL}/hooks/<token>/"
    body = None if delivery.body is None else bytes(delivery.body)
    made = curl.command(url, delivery.headers, delivery.query, body)
    return made if delivery.is_whole else f"# Its body was not kept, or not all of it.\n{made}"


def _whose_run_is(execution_id: UUID) -> Q:
    """Came the execution of it, by itself or sent again?"""
    # Asked first: inside the other query it would keep that from its index on executions.
    resends = Resend.objects.filter(execution_id=execution_id)
    again = list(resends.values_list("delivery_id", flat=True))
    return Q(execution_id=execution_id) | Q(id__in=again)


# --- Sending again -----------------------------------------------------------------------------


def resend(
    *, delivery: Delivery, by: str, may_vouch: bool = False, unverified: bool = False
) -> Execution:
    """A new run of the workflow's live version with the stored request as its trigger.

    A request whose sender was not known to be who may send is run only if somebody who may vouch
    for it says `unverified`. Raises PermissionDenied, and Problem: 409 if it cannot be run (now),
    422 if its body is still not what the workflow asks for.
    """
    if delivery.reason in UNVERIFIED:
        _refuse_unverified(delivery, may_vouch=may_vouch, unverified=unverified)
    if delivery.hold == Hold.WAITING:
        raise Problem(409, "waiting", "It waits for its workflow: run or discard what is stored.")
    workflow = delivery.endpoint.workflow
    executions.refuse_paused(workflow)
    begun = _begin(delivery, workflow, f"Sent again by {by}.", origin_id=delivery.execution_id)
    Resend.objects.create(
        tenant_id=delivery.tenant_id,
        endpoint_id=delivery.endpoint_id,
        delivery=delivery,
        execution_id=begun.execution_id,
        by=by,
    )
    after = {"execution": str(begun.execution_id), "unverified": unverified}
    audit.record(Action.DELIVERY_RESENT, delivery, after=after)
    scope.on_commit(partial(dispatch.wake, begun.ready))
    return Execution.objects.select_related("workflow", "version").get(id=begun.execution_id)


def _refuse_unverified(delivery: Delivery, *, may_vouch: bool, unverified: bool) -> None:
    if not unverified:
        raise Problem(
            409,
            "unverified",
            f"The request was refused ({delivery.get_reason_display()}): who sent it is not known "
            "to be who may. To run it all the same, say unverified: true; that takes the "
            "permission to edit.",
        )
    if not may_vouch:
        raise PermissionDenied


# --- What a paused workflow stored ---------------------------------------------------------------


def run_waiting(*, workflow: Workflow, by: str) -> Ran:
    """Run what was stored, oldest first, at most BATCH of it; each once, whoever else does so too.

    One that the live version does not take is marked as refused, and can be sent again later.
    Raises Problem 409 if the workflow is still paused or has no live version.
    """
    workflow.refresh_from_db(fields=["paused_at", "current", "archived_at"])
    executions.refuse_paused(workflow)
    executions.live_version(workflow)
    # Who comes second waits here, and then finds the rows no longer waiting.
    rows = waiting(workflow).select_for_update(of=("self",), no_key=True)
    idents = list(rows.values_list("id", flat=True)[:BATCH])
    ready = [_run_waiting(ident, workflow, by) for ident in idents]  # one body in memory at a time
    started = [count for count in ready if count is not None]
    scope.on_commit(partial(dispatch.wake, sum(started)))
    ran = Ran(len(started), len(ready) - len(started), waiting(workflow).count())
    if ready:
        after = {"started": ran.started, "refused": ran.refused}
        audit.record(Action.DELIVERIES_RUN, workflow, after=after)
    return ran


def discard_waiting(*, workflow: Workflow) -> int:
    """Run none of what was stored; the rows stay as a record. Says how many there were."""
    count = waiting(workflow).order_by().update(hold=Hold.DISCARDED.value)
    if count:
        audit.record(Action.DELIVERIES_DISCARDED, workflow, after={"discarded": count})
    return count


def _run_waiting(ident: UUID, workflow: Workflow, by: str) -> int | None:
    """How many steps are ready; None: it was refused."""
    delivery = Delivery.objects.get(id=ident)
    try:
        begun = _begin(delivery, workflow, f"Stored while the workflow was paused; run by {by}.")
    except Problem as problem:
        delivery.hold, delivery.reason = Hold.REFUSED.value, reason_of(problem).value
        delivery.problem = {"detail": problem.detail, "errors": problem.errors}
        delivery.save(update_fields=["hold", "reason", "problem"])
        return None
    delivery.hold, delivery.execution_id = Hold.STARTED.value, begun.execution_id
    delivery.save(update_fields=["hold", "execution"])
    return begun.ready


# --- Beginning -----------------------------------------------------------------------------------


def _begin(
    delivery: Delivery, workflow: Workflow, message: str, *, origin_id: UUID | None = None
) -> executions.Begun:
    version_id = executions.live_version(workflow)
    plan = executions.plan_of(version_id)
    if not delivery.is_whole:
        raise Problem(
            409, "not-kept", "Its body was not kept, or not all of it, so it cannot be sent again."
        )
    body = read_body(delivery.headers, bytes(delivery.body or b""))
    executions.check_input(plan, body)
    trigger = executions.trigger(
        kind="webhook", body=body, headers=delivery.headers, query=delivery.query
    )
    return executions.begin(
        scope.prepared(),
        tenant_id=delivery.tenant_id,
        plan=plan,
        new=NewExecution(
            workflow_id=workflow.id,
            version_id=version_id,
            kind="webhook",
            trigger={**trigger, "received_at": _spelled(delivery.received_at)},
            timeout=plan.definition.limits.timeout,
            origin_id=origin_id,
        ),
        message=message,
    )


def _spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
