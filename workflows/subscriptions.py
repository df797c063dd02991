"""What is done with subscriptions: the verbs that admin, pages and API share.

All of them work in the open tenant scope. Reacting is executions' business. What subscriptions
lead to must never lead back: a circle is refused when it would be closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.http import Http404

from tenants.actions import Action
from tenants.problems import Problem
from tenants.services import audit
from workflows import filters
from workflows.models import Subscription, Workflow

_LOCK = 0x57E9  # with the tenant: whoever may close a circle holds it until the commit


def listed() -> QuerySet[Subscription]:
    """The subscriptions of the tenant."""
    rows = Subscription.objects.select_related("workflow", "source")
    return rows.defer("workflow__draft", "source__draft")


def find(*, subscription_id: UUID) -> Subscription:
    """The subscription with this id. Raises Http404."""
    subscription = listed().filter(id=subscription_id).first()
    if subscription is None:
        raise Http404
    return subscription


def create(
    *, tenant_id: UUID, workflow: str, source: str | None, values: Mapping[str, Any]
) -> Subscription:
    """Let the workflow with one slug start when runs of that with the other end; None: of any.

    It hears of runs that end from now on. Raises Problem 422 for values that do not fit, 409 if it
    would close a circle.
    """
    subscription = Subscription(
        tenant_id=tenant_id,
        workflow=_live("workflow", workflow),
        source=None if source is None else _live("source", source),
        **values,
    )
    verify(subscription=subscription)
    subscription.save(force_insert=True)
    after = {"workflow": workflow, "source": source, **values}
    audit.record(Action.SUBSCRIPTION_CREATED, subscription, after=after)
    return subscription


def change(*, subscription_id: UUID, values: Mapping[str, Any]) -> Subscription:
    """Change its statuses or filter, or switch it on or off by `enabled`.

    Raises Http404, and Problem as `create`.
    """
    rows = listed().select_for_update(of=("self",), no_key=True)
    subscription = rows.filter(id=subscription_id).first()
    if subscription is None:
        raise Http404
    was = {name: getattr(subscription, name) for name in values}
    for name, value in values.items():
        setattr(subscription, name, value)
    verify(subscription=subscription)
    if values.get("enabled"):
        subscription.problem = ""
    subscription.save()
    audit.record(Action.SUBSCRIPTION_CHANGED, subscription, before=was, after=values)
    return subscription


def delete(*, subscription: Subscription) -> None:
    """Remove it with the record of its reactions; executions stay."""
    audit.record(Action.SUBSCRIPTION_DELETED, subscription)
    subscription.delete()


def verify(*, subscription: Subscription) -> None:
    """Raise Problem as `create` would for one with these values; nothing is written."""
    wrong = sorted(set(subscription.statuses) - set(filters.ENDS))
    if wrong or not subscription.statuses:
        valid = ", ".join(filters.ENDS)
        raise _invalid("statuses", f"Give one or more of {valid}.")
    problem = filters.problem(subscription.filter)
    if problem:
        raise _invalid("filter", problem)
    if subscription.enabled:
        _refuse_archived(subscription)
        _refuse_circle(subscription)


def _live(field: str, slug: str) -> Workflow:
    found = Workflow.objects.filter(slug=slug, archived_at=None).first()
    if found is None:
        raise _invalid(field, f"There is no workflow {slug!r}.")
    return found


def _refuse_archived(subscription: Subscription) -> None:
    for field, workflow in (("workflow", subscription.workflow), ("source", subscription.source)):
        if workflow is not None and workflow.archived_at is not None:
            raise _invalid(field, f"The workflow {workflow.slug!r} is archived.")


def _refuse_circle(subscription: Subscription) -> None:
    """One to all workflows is part of none: it hears of no run that another led to."""
    if subscription.source is None:
        return
    with connection.cursor() as cursor:
        tenant = str(subscription.tenant_id)
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, tenant])
    others = Subscription.objects.filter(~Q(id=subscription.id), enabled=True, source__isnull=False)
    edges: dict[UUID, list[UUID]] = {}
    for source, workflow in others.values_list("source_id", "workflow_id"):
        edges.setdefault(source, []).append(workflow)
    way = path(edges, subscription.workflow_id, subscription.source_id)
    if way:
        slugs = dict(Workflow.objects.filter(id__in=way).values_list("id", "slug"))
        circle = " -> ".join(slugs[ident] for ident in [*way, way[0]])
        raise Problem(409, "circle", f"The workflows would start each other without end: {circle}.")


def path(edges: Mapping[UUID, Sequence[UUID]], start: UUID, goal: UUID | None) -> list[UUID]:
    """A shortest way along the edges, both ends included; [] if there is none."""
    before: dict[UUID, UUID | None] = {start: None}
    queue = [start]
    for here in queue:
        if here == goal:
            return _back(before, here)
        for following in edges.get(here, ()):
            if following not in before:
                before[following] = here
                queue.append(following)
    return []


def _back(before: Mapping[UUID, UUID | None], end: UUID) -> list[UUID]:
    way: list[UUID] = []
    here: UUID | None = end
    while here is not None:
        way.append(here)
        here = before[here]
    return way[::-1]


def _invalid(field: str, message: str) -> Problem:
    error = {"field": field, "code": "invalid", "message": message}
    return Problem(422, "invalid", message, errors=[error])
