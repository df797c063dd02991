"""The SQL of transitions. Parameters are `%(name)s`; lists come as JSON."""

from __future__ import annotations

from functools import lru_cache

from executions.claim_statements import RUN_COLUMNS, RUN_TABLES

LOCK = """
SELECT status, last_seq FROM executions_execution WHERE id = %(execution)s FOR NO KEY UPDATE
"""

# For who can come back later: a frozen worker may hold the lock for as long as Postgres lets it.
LOCK_IF_FREE = f"{LOCK} SKIP LOCKED"

LOCK_WORKFLOW = """
SELECT FROM workflows_workflow WHERE id = %(workflow)s FOR NO KEY UPDATE
"""

STATES = """
SELECT key, status, outcome FROM executions_steprun
WHERE tenant_id = %(tenant)s AND execution_id = %(execution)s
"""

# A transition is one statement whose parts are written only if its gate opened: if the execution
# could be inserted, or was still at the revision (its newest event) that the transition was decided
# on, and the step that moves was still where it was, under the same fence. The execution's row is
# written first: whoever else wants it waits, and then finds another revision. Nothing of a step
# that matters here changes without a new revision, so all of it is written or nothing.
_ADDED = """
added AS (
  INSERT INTO executions_steprun
    (id, tenant_id, execution_id, key, type, status, timeout, attempt, claims, lost, fence,
     worker_id, lease_until, due_at, attempts, queued_at, started_at, finished_at)
  SELECT x.id, %(tenant)s, %(execution)s, x.key, x.type, x.status, x.timeout,
         x.running::int, x.running::int, 0, x.running::int,
         CASE WHEN x.running THEN %(worker)s::uuid END,
         CASE WHEN x.running THEN now() + make_interval(secs => x.timeout + %(margin)s::float8) END,
         CASE WHEN x.status = 'queued' THEN now() END, '[]',
         CASE WHEN x.status IN ('queued', 'running') THEN now() END,
         CASE WHEN x.running THEN now() END,
         CASE WHEN x.status IN ('skipped', 'cancelled') THEN now() END
  FROM gate CROSS JOIN (
    SELECT *, status = 'running' AS running FROM jsonb_to_recordset(%(steps)s::jsonb)
      AS step (id uuid, key text, type text, status text, timeout float8)
  ) AS x
)"""

_TOLD = """
told AS (
  INSERT INTO executions_event
    (tenant_id, execution_id, seq, kind, step, level, message, data, at)
  SELECT %(tenant)s, %(execution)s, x.seq, x.kind, x.step, x.level, x.message, x.data, now()
  FROM gate CROSS JOIN jsonb_to_recordset(%(events)s::jsonb)
    AS x (seq int, kind text, step text, level text, message text, data jsonb)
)"""

_CANCELLED = """
cancelled AS (
  UPDATE executions_steprun s
  SET status = 'cancelled', due_at = NULL, lease_until = NULL, worker_id = NULL, wait = NULL,
      finished_at = now()
  FROM gate
  WHERE s.tenant_id = %(tenant)s AND s.execution_id = %(execution)s
    AND s.key = ANY(%(cancelled)s::text[])
    AND s.status IN ('queued', 'running', 'retrying', 'waiting', 'unknown')
)"""

# Whether a subscription hears of a run's end (services/reacting.py asks the same of Django).
_HEARD = """(%(ended)s AND NOT e.test AND e.parent_id IS NULL AND EXISTS (
        SELECT FROM workflows_subscription n
        WHERE n.tenant_id = e.tenant_id AND n.enabled AND %(status)s::varchar = ANY(n.statuses)
          AND (n.source_id = e.workflow_id
               OR n.source_id IS NULL AND e.depth = 0 AND n.workflow_id <> e.workflow_id)))"""

_MOVED = f"""
moved AS (
  UPDATE executions_execution e
  SET status = %(status)s, last_seq = %(last_seq)s, output = %(run_output)s, error = %(run_error)s,
      follow_up = e.follow_up OR %(follow_up)s OR {_HEARD},
      active_seconds = e.active_seconds + CASE WHEN %(active)s THEN 0 ELSE
        coalesce(extract(epoch FROM now() - e.active_since)::float8, 0) END,
      active_since = CASE WHEN %(active)s THEN coalesce(e.active_since, now()) END,
      deadline_at = CASE WHEN %(active)s THEN coalesce(
        e.deadline_at, now() + make_interval(secs => e.timeout - e.active_seconds)) END,
      started_at = CASE WHEN %(active)s THEN coalesce(e.started_at, now()) ELSE e.started_at END,
      finished_at = CASE WHEN %(ended)s THEN now() END
  WHERE e.id = %(execution)s AND e.last_seq = %(known_seq)s
  RETURNING e.id, e.follow_up
)"""

_MOVED_WITH_STEP = _MOVED.replace(
    "RETURNING e.id, e.follow_up",
    """AND EXISTS (
    SELECT FROM executions_steprun s
    WHERE s.id = %(step)s AND s.fence = %(fence)s AND s.status = %(step_from)s)
  RETURNING e.id, e.follow_up""",
)


@lru_cache(maxsize=16)
def start(condition: str) -> str:
    """Store an execution if another insertion, which is part of the statement, returns a row."""
    return f"""
WITH wanted AS ({condition}), gate AS (
  INSERT INTO executions_execution
    (id, tenant_id, workflow_id, version_id, status, trigger_kind, trigger, timeout, last_seq,
     active_seconds, created_at, due_at, parent_id, parent_step, parent_fence, item_index,
     origin_id, depth, key_root, limited, held, test, follow_up)
  SELECT %(execution)s, %(tenant)s, %(workflow)s, %(version)s, 'queued', %(kind)s, %(trigger)s,
         %(run_timeout)s, %(last_seq)s, 0, now(),
         coalesce(%(due_at)s::timestamptz, now() + make_interval(secs => %(delay)s)),
         %(parent)s, %(parent_step)s, %(parent_fence)s, %(item_index)s,
         %(origin)s, %(depth)s, %(key_root)s, %(limited)s, %(held)s, %(test)s, false
  FROM wanted
  RETURNING 1
), {_ADDED}, {_TOLD}
SELECT 1 FROM gate
"""


START = start("SELECT 1")

# Whoever goes on with a step that calls out hears where the tenant's calls may go by now.
# A step goes back to queued from a worker that was lost: that try does not count. The numbers of
# the tries of a wait start anew. (The status is asked for by a parameter and the row found by its
# key: with a constant it was looked for among all that are running.)
RECORD = f"""
WITH {_MOVED_WITH_STEP}, gate AS (
  UPDATE executions_steprun s
  SET status = %(step_status)s, outcome = %(outcome)s, input = coalesce(%(input)s::jsonb, s.input),
      output = %(output)s, error = %(error)s, attempts = s.attempts || %(attempt)s::jsonb,
      attempt = CASE WHEN %(restarts)s THEN 0
        WHEN %(lost)s THEN greatest(s.attempt - 1, 0)
        ELSE s.attempt END,
      lost = CASE WHEN %(lost)s THEN s.lost + 1 ELSE 0 END,
      wait = %(wait)s,
      due_at = coalesce(%(due_at)s::timestamptz, CASE WHEN %(delay)s::float8 IS NOT NULL
        THEN now() + make_interval(secs => %(delay)s::float8) END),
      lease_until = NULL, worker_id = NULL,
      finished_at = CASE WHEN %(step_ended)s THEN now() END
  FROM moved
  WHERE s.id = %(step)s AND s.fence = %(fence)s AND s.status = %(step_from)s
  RETURNING 1
), {_ADDED}, {_CANCELLED}, {_TOLD}
SELECT moved.follow_up, CASE WHEN %(calls_out)s THEN
  (SELECT t.egress_hosts FROM tenants_tenant t WHERE t.id = %(tenant)s) END
FROM gate CROSS JOIN moved
"""

MOVE = f"""
WITH {_MOVED}, gate AS (SELECT 1 FROM moved), {_ADDED}, {_CANCELLED}, {_TOLD}
SELECT moved.follow_up FROM gate CROSS JOIN moved
"""

# The first steps of a queued execution, one of them under our lease.
LAUNCH = f"""
WITH {_MOVED}, gate AS (SELECT 1 FROM moved), {_ADDED}, {_TOLD}
SELECT {RUN_COLUMNS}
FROM gate {RUN_TABLES}
"""

REUSE = """
INSERT INTO executions_steprun
  (id, tenant_id, execution_id, key, type, status, outcome, timeout, attempt, claims, lost, fence,
   input, output, error, attempts, queued_at, started_at, finished_at)
SELECT x.id, s.tenant_id, %(execution)s, s.key, s.type, s.status, s.outcome, s.timeout, 0, 0, 0, 0,
       s.input, s.output, s.error, '[]', s.queued_at, s.started_at, s.finished_at
FROM jsonb_to_recordset(%(steps)s::jsonb) AS x (id uuid, key text)
JOIN executions_steprun s
  ON s.tenant_id = %(tenant)s AND s.execution_id = %(origin)s AND s.key = x.key
"""

# The status is a parameter for the reason that RECORD gives.
MARK_SENDING = """
UPDATE executions_steprun SET input = %(input)s, sent_at = now()
WHERE id = %(step)s AND fence = %(fence)s AND status = %(running)s
RETURNING 1
"""
