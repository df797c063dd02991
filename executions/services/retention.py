"""Forgetting runs that ended long ago: their history, and they themselves with all their steps.

Never anything of a run that has not ended, whatever its age. A batch is one short transaction on
rows that nobody writes to any more. It passes over what another copy has locked, so any number of
copies may run and any may be killed. What is old is found by its id, which holds the time of its
start: no index serves only this, and the hot path pays nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.states import EXECUTION_ENDED
from tenants import ids, scope
from tenants.models import Tenant
from tenants.scope import Prepared

BATCH = 1_000  # events in a transaction, and the rest of the last run's
BATCH_RUNS = 250  # executions in a transaction
BATCH_TRIALS = 20  # drafts that were tried, in a transaction
REASON = "retention forgets what is old of every tenant"

# Which runs have expired: what else must keep one, such as its open parent, is to be said here.
_EXPIRED = """e.status = ANY(%(ended)s) AND e.finished_at < %(cutoff)s
  AND NOT EXISTS (
    SELECT FROM executions_execution p WHERE p.id = e.parent_id AND p.finished_at IS NULL)
  AND NOT EXISTS (
    SELECT FROM executions_execution c
    WHERE c.tenant_id = e.tenant_id AND c.parent_id = e.id AND c.finished_at IS NULL)"""

# Children first: their rows are found by their own keys, and the cascade finds nothing left.
_FORGET_RUNS = f"""
WITH expired AS MATERIALIZED (
  SELECT e.tenant_id, e.id, e.last_seq FROM executions_execution e
  WHERE e.id > %(after)s AND e.id < %(before)s AND {_EXPIRED}
  ORDER BY e.id LIMIT %(runs)s FOR UPDATE SKIP LOCKED
), batch AS MATERIALIZED (
  SELECT tenant_id, id FROM (
    SELECT tenant_id, id, sum(last_seq) OVER (ORDER BY id) - last_seq AS events_before FROM expired
  ) AS counted
  WHERE events_before < %(batch)s
), events AS (
  DELETE FROM executions_event v USING batch
  WHERE v.tenant_id = batch.tenant_id AND v.execution_id = batch.id RETURNING 1
), steps AS (
  DELETE FROM executions_steprun s USING batch
  WHERE s.tenant_id = batch.tenant_id AND s.execution_id = batch.id RETURNING 1
), runs AS (
  DELETE FROM executions_execution e USING batch WHERE e.id = batch.id RETURNING 1
)
SELECT (SELECT id FROM batch ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM runs),
       (SELECT count(*) FROM steps), (SELECT count(*) FROM events)
"""

# By the events that are left, so that runs whose history is gone are not looked at again.
_FORGET_HISTORIES = f"""
WITH oldest AS MATERIALIZED (
  SELECT v.execution_id FROM executions_event v
  WHERE v.tenant_id = %(tenant)s AND v.execution_id > %(after)s AND v.execution_id < %(before)s
  ORDER BY v.execution_id LIMIT %(batch)s
), expired AS MATERIALIZED (
  SELECT e.id FROM executions_execution e
  WHERE e.id IN (SELECT execution_id FROM oldest) AND {_EXPIRED}
  ORDER BY e.id FOR UPDATE SKIP LOCKED
), events AS (
  DELETE FROM executions_event v USING expired
  WHERE v.tenant_id = %(tenant)s AND v.execution_id = expired.id RETURNING 1
)
SELECT (SELECT execution_id FROM oldest ORDER BY execution_id DESC LIMIT 1),
       (SELECT count(*) FROM events)
"""

# A draft that was tried goes after its last run. (Few and small batches: no index of executions
# leads with their version, so the foreign key looks through the tenant's for each.)
_UNUSED_TRIAL = """v.number IS NULL AND v.published_at < %(cutoff)s AND NOT EXISTS (
  SELECT FROM executions_execution e
  WHERE e.tenant_id = v.tenant_id AND e.workflow_id = v.workflow_id AND e.test
    AND e.version_id = v.id)"""

_FORGET_TRIALS = f"""
WITH unused AS MATERIALIZED (
  SELECT v.id FROM workflows_workflowversion v
  WHERE v.id > %(after)s AND {_UNUSED_TRIAL}
  ORDER BY v.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), trials AS (
  DELETE FROM workflows_workflowversion v USING unused WHERE v.id = unused.id RETURNING 1
)
SELECT (SELECT id FROM unused ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM trials)
"""

_COUNT_TRIALS = f"SELECT count(*) FROM workflows_workflowversion v WHERE {_UNUSED_TRIAL}"

_COUNT = f"""
SELECT count(*), coalesce(sum(step.runs), 0), coalesce(sum(told.events), 0)
FROM executions_execution e
CROSS JOIN LATERAL (
  SELECT count(*) AS runs FROM executions_steprun s
  WHERE s.tenant_id = e.tenant_id AND s.execution_id = e.id
) AS step
CROSS JOIN LATERAL (
  SELECT count(*) AS events FROM executions_event v
  WHERE v.tenant_id = e.tenant_id AND v.execution_id = e.id
) AS told
WHERE e.id < %(before)s AND {_EXPIRED}
"""

Batch = Callable[[Prepared, UUID], tuple[UUID | None, Counter[str]]]


def forget_runs(batches: int) -> Counter[str]:
    """Delete expired runs, the history of those that are kept longer than it, and drafts that were
    tried and have no run left.

    Says how many `executions`, `steps`, `events` and `trials` there were; at most `batches`
    transactions of each kind, of each tenant.
    """
    gone = in_batches(forget_batch, batches) + in_batches(_forget_trials, batches)
    if settings.KEEP_EVENTS_DAYS < settings.KEEP_EXECUTIONS_DAYS:
        for tenant_id in _tenants():
            gone += in_batches(_histories_of(tenant_id), batches)
    return gone


def expired_runs() -> Counter[str]:
    """What `forget_runs` would delete now. It counts all of it, which may take its time."""
    with scope.operator(REASON):
        db = scope.prepared()
        old = _old(db, settings.KEEP_EXECUTIONS_DAYS)
        executions, steps, events = _row(db, _COUNT, old)
        [trials] = _row(db, _COUNT_TRIALS, old)
        if settings.KEEP_EVENTS_DAYS < settings.KEEP_EXECUTIONS_DAYS:
            _, _, events = _row(db, _COUNT, _old(db, settings.KEEP_EVENTS_DAYS))
    return Counter(executions=executions, steps=steps, events=events, trials=trials)


def in_batches(batch: Batch, batches: int) -> Counter[str]:
    """Delete batch after batch, each in a transaction, until nothing is left or there were enough.

    A batch is told up to which id the one before it came, and says so; None: nothing is left.
    """
    gone: Counter[str] = Counter()
    after = ids.FIRST
    for _ in range(batches):
        with scope.operator(REASON):
            upto, more = batch(scope.prepared(), after)
        gone += more
        if upto is None:
            break
        after = upto
    return gone


def forget_batch(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
    """Delete the oldest expired runs above an id, in the operator's scope; see `in_batches`."""
    old = _old(db, settings.KEEP_EXECUTIONS_DAYS)
    values = {**old, "after": after, "batch": BATCH, "runs": BATCH_RUNS}
    upto, executions, steps, events = _row(db, _FORGET_RUNS, values)
    return upto, Counter(executions=executions, steps=steps, events=events)


def _forget_trials(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
    values = {**_old(db, settings.KEEP_EXECUTIONS_DAYS), "after": after, "batch": BATCH_TRIALS}
    upto, trials = _row(db, _FORGET_TRIALS, values)
    return upto, Counter(trials=trials)


def _histories_of(tenant_id: UUID) -> Batch:
    def forget(db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
        old = _old(db, settings.KEEP_EVENTS_DAYS)
        values = {**old, "tenant": tenant_id, "after": after, "batch": BATCH}
        upto, events = _row(db, _FORGET_HISTORIES, values)
        return upto, Counter(events=events)

    return forget


def _tenants() -> list[UUID]:
    with scope.operator(REASON):
        return list(Tenant.objects.values_list("id", flat=True))


def _old(db: Prepared, days: int) -> dict[str, object]:
    """What started, and ended, more than so many days ago."""
    cutoff = db.now() - timedelta(days=days)
    ended = [status.value for status in EXECUTION_ENDED]
    return {"before": ids.first_at(cutoff), "cutoff": cutoff, "ended": ended}


def _row(db: Prepared, statement: str, values: dict[str, object]) -> tuple[Any, ...]:
    [row] = db.run(statement, values)
    return tuple(row)
