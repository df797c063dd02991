"""Verbs for many executions at once, by filter, with a dry run and a rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from executions.models import Execution
from executions.services.cancelling import cancel
from executions.services.following import after_commit
from executions.services.resuming import Version, replay, resume
from tenants import scope
from tenants.problems import Problem

Verb = Literal["cancel", "resume", "replay"]
MOST = 500  # executions of one call


@dataclass(frozen=True)
class Refused:
    """An execution that the verb could not be done with, and why."""

    id: UUID
    why: str


@dataclass(frozen=True)
class Outcome:
    """`done` are the executions that were changed, or made; in a dry run those that would be."""

    matched: int
    done: Sequence[UUID]
    refused: Sequence[Refused]
    more: bool  # there are further ones that match: call again


def perform(
    verb: Verb,
    chosen: QuerySet[Execution],
    *,
    by: str,
    dry_run: bool,
    rate: float | None = None,
    version: Version | None = None,
) -> Outcome:
    """Cancel, resume or replay the oldest MOST of the chosen, in the open scope of their tenant.

    With a `rate`, so many of the new executions begin in a second; the others wait in the line. A
    dry run does all of it and takes it back, so that it refuses what the real one would.
    """
    rows = list(
        chosen.filter(item_index=None).select_related("workflow").order_by("id")[: MOST + 1]
    )
    found = rows[:MOST]
    done: list[UUID] = []
    refused: list[Refused] = []
    for number, execution in enumerate(found):
        delay = len(done) / rate if rate else 0.0
        try:
            with transaction.atomic():
                done.append(_one(verb, execution, by, delay, version, dry_run=dry_run))
                if dry_run:
                    transaction.set_rollback(True)
        except Problem as problem:
            refused.append(Refused(found[number].id, problem.detail))
    return Outcome(len(found), done, refused, more=len(rows) > MOST)


def _one(
    verb: Verb,
    execution: Execution,
    by: str,
    delay: float,
    version: Version | None,
    *,
    dry_run: bool,
) -> UUID:
    match verb:
        case "cancel":
            move = cancel(execution.tenant_id, execution.id, f"Cancelled by {by}.")
            if move is None:
                raise Problem(409, "ended", f"It has {execution.status} already.")
            if not dry_run:
                scope.on_commit(partial(after_commit, move))
            return execution.id
        case "resume":
            made = resume(execution, by=by, version=version or "same", delay=delay)
        case "replay":
            made = replay(execution, by=by, version=version or "current", delay=delay)
    return execution.id if dry_run else made.id
