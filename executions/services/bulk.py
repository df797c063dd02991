"""Verbs for many executions at once, by filter, with a dry run and a rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from executions.models import Execution
from executions.services.resuming import Version, replay, resume
from executions.services.stopping import stop
from executions.states import EXECUTION_ENDED, EXECUTION_OPEN, ExecutionStatus
from tenants.problems import Problem

Verb = Literal["cancel", "resume", "replay"]
MOST = 500  # executions of one call
_MEANT: Mapping[Verb, frozenset[ExecutionStatus]] = {
    "cancel": EXECUTION_OPEN,
    "resume": EXECUTION_ENDED - {ExecutionStatus.SUCCEEDED},
    "replay": frozenset(ExecutionStatus),
}


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
    last: UUID | None  # of those that matched: what was made or refused still matches
    newest: UUID | None  # of all that match, these and further ones
    more: bool  # there are further ones that match: call again for those after the last


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

    Of the chosen only those count that the verb is for. With a `rate`, so many of the new
    executions begin in a second; the others wait in the line. A dry run does all of it and takes
    it back, so that it refuses what the real one would.
    """
    meant = chosen.filter(item_index=None, status__in=_MEANT[verb])
    newest = meant.order_by("-id").values_list("id", flat=True).first()
    rows = list(meant.select_related("workflow").order_by("id")[: MOST + 1])
    found = rows[:MOST]
    done: list[UUID] = []
    refused: list[Refused] = []
    for execution in found:
        delay = len(done) / rate if rate else 0.0
        try:
            with transaction.atomic():
                done.append(_one(verb, execution, by, delay, version, dry_run=dry_run))
                if dry_run:
                    transaction.set_rollback(True)
        except Problem as problem:
            refused.append(Refused(execution.id, problem.detail))
    last = found[-1].id if found else None
    return Outcome(len(found), done, refused, last, newest, more=len(rows) > MOST)


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
            stop(execution, by=by)
            return execution.id
        case "resume":
            made = resume(execution, by=by, version=version or "same", delay=delay)
        case "replay":
            made = replay(execution, by=by, version=version or "current", delay=delay)
    return execution.id if dry_run else made.id
