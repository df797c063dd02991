"""Looking for what breaks an invariant, in bounded bites."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from executions.invariants import edges, statements
from executions.invariants.named import (
    BEGUN_EARLY,
    INVARIANTS,
    UNBEGUN,
    UNCLAIMED,
    Invariant,
    Repair,
)
from executions.states import (
    EXECUTION_ENDED,
    EXECUTION_MOVES,
    STEP_ENDED,
    STEP_MOVES,
    STEP_OPEN,
)
from tenants import ids, isolation, scope
from tenants.scope import Prepared
from workflows.definition import Definition, parse

RECENT = timedelta(minutes=10)
PAGE = 10_000  # executions looked at in one transaction; of the recent ones no more than that
MOST = 1_000  # breaches of one invariant that are reported for a page
# Beyond the time at which the sweeper, which comes by every second, should have acted.
GRACE_SECONDS = 10.0
UNCLAIMED_SECONDS = 60.0
STILL_SECONDS = 2.0  # in which a worker that is at work takes one of the oldest ready steps


@dataclass(frozen=True)
class Violation:
    """A breach of an invariant: where, and what is wrong in a sentence."""

    number: str
    name: str
    message: str
    tenant: str | None = None  # its slug
    tenant_id: UUID | None = None  # None: it is the database that keeps tenants apart no more
    execution_id: UUID | None = None
    step: str | None = None  # None: the execution as a whole
    repair: Repair | None = None


@dataclass(frozen=True)
class Span:
    """The executions with ids above `after` and not above `upto`."""

    after: UUID
    upto: UUID


def violations(*, everything: bool = False, execution_id: UUID | None = None) -> list[Violation]:
    """What breaks an invariant, over all tenants.

    By default among all that is open and the runs started of late (RECENT, PAGE at most), which is
    cheap enough for every minute; or among all runs; or in one of them.
    """
    if execution_id is not None:
        one = Span(UUID(int=execution_id.int - 1), execution_id)
        return [found for found in _look([one]) if found.execution_id == execution_id]
    return _by_number(_unguarded() + _look(_pages() if everything else [_recent()]))


def _look(spans: Iterator[Span] | list[Span]) -> list[Violation]:
    with scope.operator("the doctor looks at what is open"):
        db = scope.prepared()
        found = [row for each in INVARIANTS if not each.by_id for row in _ask(db, each)]
    found += _unclaimed()
    for span in spans:
        with scope.operator("the doctor looks at runs of all tenants"):
            db = scope.prepared()
            for each in INVARIANTS:
                found += _ask(db, each, span) if each.by_id else []
            found += _begun_early(db, span)
    return _by_number(found)


def _by_number(found: list[Violation]) -> list[Violation]:
    return sorted(found, key=lambda violation: violation.number)


def _unclaimed() -> list[Violation]:
    """I1: ready steps and runs that may begin, while the queue stands still.

    Nothing runs for a moment between two runs of a busy worker too, so there is a second look if
    need be. Whoever is at work takes the oldest steps first, and those are the ones looked at.
    """
    looks: list[list[Violation]] = []
    for pause in (0.0, STILL_SECONDS):
        time.sleep(pause)
        with scope.operator("the doctor looks for steps that nobody claims"):
            db = scope.prepared()
            looks.append(_ask(db, UNCLAIMED) + _ask(db, UNBEGUN))
        if not looks[-1]:
            return []
    first, second = ({(each.execution_id, each.step) for each in look} for look in looks)
    return looks[0] if first <= second else []


def _unguarded() -> list[Violation]:
    """I7 by Postgres's catalog: what does not keep one tenant from another's rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        (role,) = cursor.fetchone()
        findings = isolation.findings(cursor, role=role)
    return [Violation("I7", "isolation", f"{finding}.") for finding in findings]


def _recent() -> Span:
    with scope.operator("the doctor looks where the newest runs begin"):
        db = scope.prepared()
        after = ids.first_at(db.now() - RECENT)
        newest = db.first(statements.NEWEST, {"after": after, "page": PAGE})
    return Span(newest[0] if newest else after, ids.LAST)


def _pages() -> Iterator[Span]:
    after = ids.FIRST
    while after != ids.LAST:
        with scope.operator("the doctor looks where the next runs end"):
            values = {"after": after, "page": PAGE - 1}
            row = scope.prepared().first(statements.PAGE_END, values)
        upto = row[0] if row else ids.LAST
        yield Span(after, upto)
        after = upto


def _ask(db: Prepared, invariant: Invariant, span: Span | None = None) -> list[Violation]:
    rows = db.run(statements.with_tenant(invariant.sql), _values(span))
    return [
        _violation(invariant, tenant_id, slug, execution_id, step, json.loads(facts))
        for tenant_id, execution_id, step, facts, slug in rows
    ]


def _begun_early(db: Prepared, span: Span) -> list[Violation]:
    rows = db.run(statements.with_tenant(BEGUN_EARLY.sql), _values(span))
    definitions = _definitions(db, {row[2] for row in rows})
    return [
        _violation(BEGUN_EARLY, tenant_id, slug, execution_id, key, {})
        for tenant_id, execution_id, version, history, slug in rows
        for key in edges.begun_early(definitions[version], json.loads(history))
    ]


def _definitions(db: Prepared, versions: set[UUID]) -> dict[UUID, Definition]:
    found = {}
    rows = db.run(statements.DEFINITIONS, {"versions": list(versions)})
    for version, document in rows:
        definition, problems = parse(json.loads(document))
        if definition is None:
            raise ValueError(f"version {version}: {problems[0].message}")
        found[version] = definition
    return found


def _violation(
    invariant: Invariant,
    tenant_id: UUID,
    slug: str | None,
    execution_id: UUID,
    step: str | None,
    facts: Mapping[str, object],
) -> Violation:
    return Violation(
        number=invariant.number,
        name=invariant.name,
        message=invariant.says.format_map(facts),
        tenant=slug,
        tenant_id=tenant_id,
        execution_id=execution_id,
        step=step,
        repair=invariant.repair,
    )


def _values(span: Span | None) -> dict[str, object]:
    return {
        "after": span and span.after,
        "upto": span and span.upto,
        "grace": GRACE_SECONDS,
        "unclaimed": UNCLAIMED_SECONDS,
        "lost": settings.WORKER_LOST_SECONDS,
        "kept_days": settings.KEEP_EVENTS_DAYS,
        "most": MOST,
        **_STATES,
    }


_STEP_ENDS = [f"step.{status}" for status in STEP_ENDED]
_RUN_ENDS = [f"execution.{status}" for status in EXECUTION_ENDED]
_STATES: dict[str, object] = {
    "step_open": [status.value for status in STEP_OPEN],
    "step_ended": [status.value for status in STEP_ENDED],
    "run_ended": [status.value for status in EXECUTION_ENDED],
    "run_ends": _RUN_ENDS,
    "ends": [*_STEP_ENDS, *_RUN_ENDS],
    "edges": [*edges.BEGUN, *edges.ENDED],
    # `running` is told as "started" of a step; other kinds of event are no moves.
    "moves": [
        "step.started",
        "step.reused",
        *(f"step.{status}" for status in STEP_MOVES),
        *(f"execution.{status}" for status in EXECUTION_MOVES),
    ],
    "legal": [
        *(f"step {one} {other}" for one, others in STEP_MOVES.items() for other in others),
        *(
            f"execution {one} {other}"
            for one, others in EXECUTION_MOVES.items()
            for other in others
        ),
    ],
}
