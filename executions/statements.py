"""The SQL of executions/transitions.py. Parameters are `%(name)s`; lists come as JSON."""

from __future__ import annotations

# Tenants with steps that are due, by a loose index scan, those with the fewest running steps first;
# of each the oldest steps. An execution that another worker has locked is passed over.
PICK = """
WITH RECURSIVE ready AS (
  (SELECT tenant_id FROM executions_steprun
   WHERE status IN ('queued', 'retrying') ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT s.tenant_id FROM executions_steprun s
          WHERE s.status IN ('queued', 'retrying') AND s.tenant_id > ready.tenant_id
          ORDER BY s.tenant_id LIMIT 1)
  FROM ready WHERE ready.tenant_id IS NOT NULL
), fairest AS (
  SELECT ready.tenant_id, working.steps, random() AS tie
  FROM ready
  CROSS JOIN LATERAL (
    SELECT FROM executions_steprun s
    WHERE s.tenant_id = ready.tenant_id AND s.status IN ('queued', 'retrying')
      AND s.due_at <= now()
    LIMIT 1
  ) AS due
  CROSS JOIN LATERAL (
    SELECT count(*) AS steps FROM executions_steprun r
    WHERE r.tenant_id = ready.tenant_id AND r.status = 'running'
  ) AS working
  ORDER BY working.steps, tie LIMIT 4
)
SELECT e.id, e.tenant_id,
       (SELECT count(*) > 1 FROM (
          SELECT FROM executions_steprun s
          WHERE s.status IN ('queued', 'retrying') AND s.due_at <= now() LIMIT 2) AS others)
FROM fairest
CROSS JOIN LATERAL (
  SELECT s.execution_id, s.due_at FROM executions_steprun s
  WHERE s.tenant_id = fairest.tenant_id AND s.status IN ('queued', 'retrying')
    AND s.due_at <= now()
  ORDER BY s.due_at, s.id LIMIT 16
) AS candidate
JOIN executions_execution e ON e.tenant_id = fairest.tenant_id AND e.id = candidate.execution_id
ORDER BY fairest.steps, fairest.tie, candidate.due_at
LIMIT 1 FOR UPDATE OF e
"""
PICK_UNLOCKED = f"{PICK} SKIP LOCKED"

TAKE = """
WITH run AS (
  SELECT last_seq, status <> 'running' AS begins FROM executions_execution
  WHERE id = %(execution)s
), due AS (
  SELECT id FROM executions_steprun
  WHERE tenant_id = %(tenant)s AND execution_id = %(execution)s
    AND status IN ('queued', 'retrying') AND due_at <= now()
  ORDER BY due_at, id LIMIT 1
), taken AS (
  UPDATE executions_steprun s
  SET status = 'running', worker_id = %(worker)s, fence = s.fence + 1, claims = s.claims + 1,
      attempt = s.attempt + 1, due_at = NULL, sent_at = NULL,
      lease_until = now() + make_interval(secs => s.timeout + %(margin)s),
      started_at = coalesce(s.started_at, now())
  WHERE s.id = (SELECT id FROM due)  -- not a join: that was planned as a scan on new tables
  RETURNING s.id, s.key, s.fence, s.attempt, s.claims
), moved AS (
  UPDATE executions_execution e
  SET status = 'running', last_seq = run.last_seq + CASE WHEN run.begins THEN 2 ELSE 1 END,
      started_at = coalesce(e.started_at, now()),
      active_since = coalesce(e.active_since, now()),
      deadline_at = coalesce(
        e.deadline_at, now() + make_interval(secs => e.timeout - e.active_seconds))
  FROM run, taken WHERE e.id = %(execution)s
  RETURNING e.last_seq
), told AS (
  INSERT INTO executions_event
    (tenant_id, execution_id, seq, kind, step, level, message, data, at)
  SELECT %(tenant)s, %(execution)s, run.last_seq + 1, 'execution.running', NULL, 'info',
         'The execution is running.', NULL, now()
  FROM run, taken WHERE run.begins
  UNION ALL
  SELECT %(tenant)s, %(execution)s, moved.last_seq, 'step.started', taken.key, 'info',
         format('Try %%s started.', taken.attempt),
         jsonb_build_object('attempt', taken.attempt), now()
  FROM moved, taken
)
SELECT taken.id, taken.key, taken.fence, taken.attempt, moved.last_seq,
       e.version_id, e.trigger, e.created_at, w.slug, v.number, t.slug, t.name,
       (SELECT jsonb_object_agg(s.key, jsonb_build_array(s.status, s.outcome))
        FROM executions_steprun s
        WHERE s.tenant_id = %(tenant)s AND s.execution_id = %(execution)s)
FROM taken CROSS JOIN moved
JOIN executions_execution e ON e.id = %(execution)s
JOIN workflows_workflow w ON w.id = e.workflow_id
JOIN workflows_workflowversion v ON v.id = e.version_id
JOIN tenants_tenant t ON t.id = e.tenant_id
"""

LOCK = """
SELECT status, last_seq FROM executions_execution WHERE id = %(execution)s FOR UPDATE
"""

STATES = """
SELECT key, status, outcome FROM executions_steprun
WHERE tenant_id = %(tenant)s AND execution_id = %(execution)s
"""

# A transition is one statement whose parts are written only if its gate opened: only if the
# execution could be inserted, or the step was still under our lease. (The lease is asked for and
# not the status, so that the row is found by its key and not among all that are running.)
_ADDED = """
added AS (
  INSERT INTO executions_steprun
    (id, tenant_id, execution_id, key, type, status, timeout, attempt, claims, fence, worker_id,
     lease_until, due_at, attempts, queued_at, started_at, finished_at)
  SELECT x.id, %(tenant)s, %(execution)s, x.key, x.type, x.status, x.timeout,
         x.running::int, x.running::int, x.running::int,
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
  SET status = 'cancelled', due_at = NULL, lease_until = NULL, worker_id = NULL,
      finished_at = now()
  FROM gate
  WHERE s.tenant_id = %(tenant)s AND s.execution_id = %(execution)s
    AND s.key = ANY(%(cancelled)s::text[])
    AND s.status IN ('queued', 'running', 'retrying', 'waiting', 'unknown')
)"""

_MOVED = """
UPDATE executions_execution e
SET status = %(status)s, last_seq = %(last_seq)s, output = %(run_output)s, error = %(run_error)s,
    active_seconds = e.active_seconds + CASE WHEN %(active)s THEN 0 ELSE
      coalesce(extract(epoch FROM now() - e.active_since)::float8, 0) END,
    active_since = CASE WHEN %(active)s THEN coalesce(e.active_since, now()) END,
    deadline_at = CASE WHEN %(active)s THEN coalesce(
      e.deadline_at, now() + make_interval(secs => e.timeout - e.active_seconds)) END,
    finished_at = CASE WHEN %(ended)s THEN now() END
FROM gate WHERE e.id = %(execution)s
RETURNING 1
"""

START = f"""
WITH gate AS (
  INSERT INTO executions_execution
    (id, tenant_id, workflow_id, version_id, status, trigger_kind, trigger, timeout, last_seq,
     active_seconds, created_at)
  VALUES (%(execution)s, %(tenant)s, %(workflow)s, %(version)s, 'queued', %(kind)s, %(trigger)s,
          %(run_timeout)s, %(last_seq)s, 0, now())
  RETURNING 1
), {_ADDED}, {_TOLD}
SELECT 1 FROM gate
"""

# A step goes back to queued when its worker was lost: that try does not count.
RECORD = f"""
WITH gate AS (
  UPDATE executions_steprun
  SET status = %(step_status)s, outcome = %(outcome)s, input = coalesce(%(input)s::jsonb, input),
      output = %(output)s, error = %(error)s, attempts = attempts || %(attempt)s::jsonb,
      attempt = attempt - (%(step_status)s::varchar = 'queued')::int,
      due_at = CASE WHEN %(delay)s::float8 IS NOT NULL
        THEN now() + make_interval(secs => %(delay)s::float8) END,
      lease_until = NULL, worker_id = NULL,
      finished_at = CASE WHEN %(step_ended)s THEN now() END
  WHERE id = %(step)s AND fence = %(fence)s AND lease_until IS NOT NULL
  RETURNING 1
), {_ADDED}, {_CANCELLED}, {_TOLD}
{_MOVED}
"""

END = f"""
WITH gate AS (SELECT 1), {_ADDED}, {_CANCELLED}, {_TOLD}
{_MOVED}
"""

MARK_SENDING = """
UPDATE executions_steprun SET input = %(input)s, sent_at = now()
WHERE id = %(step)s AND fence = %(fence)s AND status = 'running'
RETURNING 1
"""
