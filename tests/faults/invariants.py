"""What must be true after every fault, asked of the database and of the receiver's file in SQL.

I0 what was promised is there, I1 every run has ended or waits for something declared, I2 a step
ends once, I3 no step before its parents, I4 a join fires once, I5 no call without a lease, I6 a
history without gaps and nothing after its end, I7 one tenant, I8 nothing held beyond its lease.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

import psycopg

from tests.faults.receiver import Call

Database = psycopg.Connection[tuple[object, ...]]
Named = Mapping[str, object]
SHOWN = 5  # violations of a kind that are printed

# Waiting is all right if something says what for, and nothing else is left to do.
UNSETTLED: LiteralString = """
SELECT run.id, run.status FROM executions_execution run
WHERE run.tenant_id = ANY(%(tenants)s)
  AND run.status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')
  AND NOT (run.status = 'waiting'
    AND EXISTS (SELECT FROM executions_steprun s WHERE s.tenant_id = run.tenant_id
      AND s.execution_id = run.id AND s.status IN ('waiting', 'unknown'))
    AND NOT EXISTS (SELECT FROM executions_steprun s WHERE s.tenant_id = run.tenant_id
      AND s.execution_id = run.id AND s.status IN ('queued', 'running', 'retrying')))
"""

_PREPARE: tuple[LiteralString, ...] = (
    """
CREATE TEMP TABLE run ON COMMIT DROP AS
SELECT * FROM executions_execution WHERE tenant_id = ANY(%(tenants)s)
""",
    """
CREATE TEMP TABLE step ON COMMIT DROP AS
SELECT s.* FROM executions_steprun s JOIN run ON run.id = s.execution_id
""",
    """
CREATE TEMP TABLE event ON COMMIT DROP AS
SELECT v.* FROM executions_event v JOIN run ON run.id = v.execution_id
""",
    """
CREATE TEMP TABLE need ON COMMIT DROP AS
SELECT DISTINCT run.id AS execution_id, x->>'key' AS step, split_part(edge, '.', 1) AS parent,
       coalesce(x->>'join', 'settled') AS kind
FROM run JOIN workflows_workflowversion v ON v.id = run.version_id
CROSS JOIN LATERAL jsonb_array_elements(v.definition->'steps') AS x
CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(x->'needs', '[]')) AS edge
WHERE run.item_index IS NULL  -- an item's run has the steps of a body
""",
    """
CREATE TEMP TABLE ending ON COMMIT DROP AS
SELECT execution_id, step, count(*) AS times, min(seq) AS seq FROM event
WHERE kind IN ('step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled')
GROUP BY execution_id, step
""",
    """
CREATE TEMP TABLE beginning ON COMMIT DROP AS
SELECT execution_id, step, min(seq) AS seq,
       count(*) FILTER (WHERE kind = 'step.started') AS times
FROM event WHERE kind IN ('step.queued', 'step.started') GROUP BY execution_id, step
""",
    "CREATE TEMP TABLE promise (execution_id uuid) ON COMMIT DROP",
    """
CREATE TEMP TABLE call (method text, execution_id uuid, step text, key text, body_id text)
ON COMMIT DROP
""",
    "ANALYZE run, step, event, need, ending, beginning",
)

_LOST: dict[str, LiteralString] = {
    "I0 a promised execution is not there": """
SELECT execution_id FROM promise LEFT JOIN run ON run.id = execution_id WHERE run.id IS NULL
""",
    "I4 a join of a run that succeeded was lost": """
SELECT DISTINCT execution_id, step FROM need JOIN run ON run.id = execution_id
LEFT JOIN ending USING (execution_id, step)
WHERE run.status = 'succeeded' AND ending.step IS NULL
""",
}
_STUCK: dict[str, LiteralString] = {"I1 a run has not ended": UNSETTLED}
_DOUBLED: dict[str, LiteralString] = {
    "I2 a step ended more than once": """
SELECT execution_id, step, times FROM ending WHERE times > 1
""",
    "I4 a step was started without a lease": """
SELECT s.execution_id, s.key, s.claims, b.times FROM step s
LEFT JOIN beginning b ON b.execution_id = s.execution_id AND b.step = s.key
WHERE coalesce(b.times, 0) <> s.claims OR s.fence <> s.claims
""",
}
_OTHERS: dict[str, LiteralString] = {
    "I2 a step's row and its history differ": """
SELECT s.execution_id, s.key, s.status, e.times FROM step s
LEFT JOIN ending e ON e.execution_id = s.execution_id AND e.step = s.key
WHERE (s.status IN ('succeeded', 'failed', 'skipped', 'cancelled')) <> (e.times IS NOT NULL)
""",
    "I3 a step began before a parent had ended": """
SELECT need.* FROM need JOIN beginning b USING (execution_id, step)
LEFT JOIN ending e ON e.execution_id = need.execution_id AND e.step = need.parent
WHERE need.kind = 'settled' AND (e.seq IS NULL OR e.seq > b.seq)
""",
    "I5 a step made more calls than it had leases": """
SELECT c.execution_id, c.step, count(*), s.claims FROM call c
JOIN run ON run.id = c.execution_id
LEFT JOIN step s ON s.execution_id = c.execution_id AND s.key = c.step
GROUP BY c.execution_id, c.step, s.claims HAVING count(*) > coalesce(s.claims, 0)
""",
    "I5 a call that must not be repeated was made again": """
SELECT call.execution_id, call.step, count(*) FROM call JOIN run ON run.id = call.execution_id
WHERE method IN ('POST', 'PATCH') GROUP BY call.execution_id, call.step HAVING count(*) > 1
""",
    "I5 a call's key is not its step's": """
SELECT execution_id, step, key FROM call
WHERE key <> execution_id || '.' || step OR body_id <> execution_id::text
""",
    "I5 a run that does not exist made a call": """
SELECT execution_id, step FROM call
WHERE NOT EXISTS (SELECT FROM executions_execution e WHERE e.id = execution_id)
""",
    "I6 a history has a gap, or goes on after its end": """
SELECT run.id, run.last_seq, count(*), max(seq),
       min(seq) FILTER (WHERE kind = 'execution.' || run.status) AS ended
FROM run LEFT JOIN event ON event.execution_id = run.id
GROUP BY run.id, run.last_seq, run.status, run.finished_at
HAVING count(seq) <> run.last_seq OR max(seq) <> run.last_seq OR min(seq) <> 1
    OR (run.finished_at IS NOT NULL
      AND max(seq) <> min(seq) FILTER (WHERE kind = 'execution.' || run.status))
""",
    "I7 a row is another tenant's": """
SELECT run.id FROM run JOIN step ON step.execution_id = run.id
WHERE step.tenant_id <> run.tenant_id
UNION ALL
SELECT run.id FROM run JOIN event ON event.execution_id = run.id
WHERE event.tenant_id <> run.tenant_id
UNION ALL
SELECT run.id FROM run JOIN tenants_tenant t ON t.id = run.tenant_id
WHERE run.output->>'tenant' <> t.slug
""",
    "I8 a step is held beyond its lease": """
SELECT execution_id, step.key, lease_until FROM step JOIN run ON run.id = execution_id
WHERE step.status = 'running'
  AND (lease_until < now() - interval '10 seconds' OR run.finished_at IS NOT NULL)
""",
}

# Not a flaw, but worth knowing: how often a lease was lost, and how long its step stood still, from
# the start that was lost to the next.
_LOST_LEASES: LiteralString = """
SELECT extract(epoch FROM again.at - began.at)::float8
FROM event lost
CROSS JOIN LATERAL (SELECT at FROM event WHERE execution_id = lost.execution_id
  AND step = lost.step AND kind = 'step.started' AND seq < lost.seq
  ORDER BY seq DESC LIMIT 1) AS began
LEFT JOIN LATERAL (SELECT at FROM event WHERE execution_id = lost.execution_id
  AND step = lost.step AND seq > lost.seq ORDER BY seq LIMIT 1) AS next ON true
CROSS JOIN LATERAL (SELECT coalesce(next.at, lost.at) AS at) AS again
WHERE lost.kind LIKE 'step.%' AND lost.data->>'kind' IN ('lost', 'poison')
"""
_COUNTS: LiteralString = """
SELECT (SELECT count(*) FROM run), count(*), count(DISTINCT (call.execution_id, call.step))
FROM call JOIN run ON run.id = call.execution_id
"""
_STATUSES: LiteralString = """
SELECT concat_ws(': ', status, error->>'kind'), count(*) FROM run GROUP BY 1 ORDER BY 1
"""


@dataclass
class Verdict:
    """What was found of the runs of some tenants; `flaws` are sentences."""

    executions: int = 0
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    calls: int = 0
    repeated: int = 0  # calls of a step beyond its first
    statuses: dict[str, int] = field(default_factory=dict)  # with the kind of a run's error
    stood_still: list[float] = field(default_factory=list)  # seconds, of each lost lease
    flaws: list[str] = field(default_factory=list)


def check(
    db: Database,
    *,
    tenants: Collection[UUID],
    promised: Collection[UUID],
    calls: Collection[Call],
) -> Verdict:
    """Check all that happened in these tenants. `db` is above row-level security."""
    named = {"tenants": list(tenants)}
    verdict = Verdict()
    with db.transaction():
        for statement in _PREPARE:
            db.execute(statement, named if "%(" in statement else None)
        _copy(db, "promise (execution_id)", [(ident,) for ident in promised])
        rows = [(c.method, c.execution, c.step, c.key, c.body_id) for c in calls]
        _copy(db, "call (method, execution_id, step, key, body_id)", rows)
        verdict.lost = _violations(db, _LOST, named, verdict)
        verdict.stuck = _violations(db, _STUCK, named, verdict)
        verdict.doubled = _violations(db, _DOUBLED, named, verdict)
        _violations(db, _OTHERS, named, verdict)
        _count(db, verdict)
    return verdict


def _copy(db: Database, target: LiteralString, rows: Collection[tuple[object, ...]]) -> None:
    with db.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _violations(
    db: Database, checks: Mapping[str, LiteralString], named: Named, verdict: Verdict
) -> int:
    """How many there are; each kind of them becomes a flaw."""
    found = 0
    for what, statement in checks.items():
        rows = db.execute(statement, named).fetchall()
        found += len(rows)
        if rows:
            shown = "; ".join(" ".join(map(str, row)) for row in rows[:SHOWN])
            verdict.flaws.append(f"{what} ({len(rows)}): {shown}")
    return found


def _count(db: Database, verdict: Verdict) -> None:
    counts = db.execute(_COUNTS).fetchone()
    assert counts is not None
    verdict.executions, verdict.calls, once = (int(str(count)) for count in counts)
    verdict.repeated = verdict.calls - once
    statuses = db.execute(_STATUSES).fetchall()
    verdict.statuses = {str(status): int(str(count)) for status, count in statuses}
    verdict.stood_still = [float(str(row[0])) for row in db.execute(_LOST_LEASES)]
