"""The SQL of executions/transitions.py. Parameters are `%(name)s`; lists come as JSON."""

from __future__ import annotations

from functools import lru_cache

# A step that a worker may claim once it is due, and a run that may begin once it is. Word for word
# what their indexes say, so that the planner sees that it may use them.
_CLAIMABLE = "status IN ('queued', 'retrying', 'waiting') AND due_at IS NOT NULL"
_STARTABLE = "status = 'queued' AND item_index IS NULL AND NOT held"
# Not now(), when our transaction began: what was committed since would not be due yet.
_DUE = "due_at <= statement_timestamp()"

# Tenants with work, by a loose scan of two indexes; of those with work that is due the ones with
# the fewest running steps. Of each the oldest steps, and after them the runs that may begin, as
# many as the tenant may have at once: the deployment's limit, or that which staff gave it, which is
# looked up for these few tenants only; 0 is none. They take turns: each one taken counts as one
# that runs.
# What another worker has locked is passed over, and half of what is there is left to others.
# The rows say also whether there was work at all, and whether there is more of it. What can be
# picked is put together first: on tables that were never analyzed a join with it was planned from
# the other side, and it was put together again for each execution that there is.
_PICK = f"""
WITH RECURSIVE tenants AS (
  SELECT least(
    (SELECT s.tenant_id FROM executions_steprun s
     WHERE {_CLAIMABLE} ORDER BY s.tenant_id LIMIT 1),
    (SELECT e.tenant_id FROM executions_execution e
     WHERE {_STARTABLE} ORDER BY e.tenant_id LIMIT 1)) AS id
  UNION ALL
  SELECT least(
    (SELECT s.tenant_id FROM executions_steprun s
     WHERE {_CLAIMABLE} AND s.tenant_id > tenants.id ORDER BY s.tenant_id LIMIT 1),
    (SELECT e.tenant_id FROM executions_execution e
     WHERE {_STARTABLE} AND e.tenant_id > tenants.id ORDER BY e.tenant_id LIMIT 1))
  FROM tenants WHERE tenants.id IS NOT NULL
), fairest AS (
  SELECT tenants.id AS tenant_id, random() AS tie,
         (SELECT count(*) FROM executions_steprun r
          WHERE r.tenant_id = tenants.id AND r.status = 'running') AS steps
  FROM tenants
  WHERE coalesce(  -- not EXISTS, for which all that is due was put into a hash table
    (SELECT true FROM executions_steprun s
     WHERE s.tenant_id = tenants.id AND {_CLAIMABLE} AND s.{_DUE} LIMIT 1),
    (SELECT true FROM executions_execution e
     WHERE e.tenant_id = tenants.id AND {_STARTABLE} AND e.{_DUE} LIMIT 1))
  ORDER BY steps, tie LIMIT 4
), candidate AS MATERIALIZED (
  SELECT fairest.tenant_id, fairest.tie, work.id,
         fairest.steps + row_number() OVER (
           PARTITION BY fairest.tenant_id ORDER BY work.rank, work.due_at, work.id) AS turn
  FROM fairest
  CROSS JOIN LATERAL (
    SELECT nullif(coalesce(
      (SELECT l.running_executions FROM tenants_tenantlimits l
       WHERE l.tenant_id = fairest.tenant_id), %(running)s), 0) AS most
    OFFSET 0  -- else it would be looked up at each of its places below
  ) AS may
  CROSS JOIN LATERAL (
    (SELECT s.execution_id AS id, 0 AS rank, s.due_at FROM executions_steprun s
     WHERE s.tenant_id = fairest.tenant_id AND {_CLAIMABLE} AND s.{_DUE}
     ORDER BY s.due_at, s.id LIMIT 16)
    UNION ALL
    (SELECT r.id, 1, r.due_at FROM executions_execution r
     WHERE r.tenant_id = fairest.tenant_id AND {_STARTABLE} AND r.{_DUE}
     ORDER BY r.due_at, r.id
     LIMIT least(16, may.most - (
       SELECT count(*) FROM (
         SELECT FROM executions_execution b
         WHERE b.tenant_id = fairest.tenant_id AND b.status = 'running'
         LIMIT coalesce(may.most, 0)) AS begun)))
  ) AS work
), picked AS (
  SELECT e.id, e.tenant_id, e.version_id, e.last_seq, e.trigger_kind,
         e.status = 'queued' AND e.item_index IS NULL AS launches
  FROM candidate
  JOIN executions_execution e ON e.tenant_id = candidate.tenant_id AND e.id = candidate.id
  ORDER BY candidate.turn, candidate.tie
  LIMIT least(%(most)s, (SELECT (count(*) + 1) / 2 FROM candidate))
  FOR NO KEY UPDATE OF e {{lock}}
)
SELECT picked.*, EXISTS (SELECT FROM candidate),
       (SELECT count(*) FROM candidate) > (SELECT count(*) FROM picked)
FROM (VALUES (1)) AS one LEFT JOIN picked ON true
"""
PICK = _PICK.format(lock="")
PICK_UNLOCKED = _PICK.format(lock="SKIP LOCKED")

# What a worker must know of a run to work on it.
_RUN = """
       e.version_id, e.workflow_id, e.trigger_kind, e.trigger, e.created_at,
       w.slug, v.number, t.slug, t.name, t.egress_hosts,
       e.parent_id, e.parent_step, e.item_index, e.key_root, e.depth, e.limited, e.test"""
_RUN_TABLES = """
JOIN executions_execution e ON e.id = %(execution)s
JOIN workflows_workflow w ON w.id = e.workflow_id
JOIN workflows_workflowversion v ON v.id = e.version_id
JOIN tenants_tenant t ON t.id = e.tenant_id"""

RUN = f"""
SELECT {_RUN}
FROM (VALUES (1)) AS one {_RUN_TABLES}
"""

# A wait that is over begins a new try, whose number starts anew.
TAKE = f"""
WITH run AS (
  SELECT last_seq, status <> 'running' AS begins FROM executions_execution
  WHERE id = %(execution)s
), due AS (
  SELECT id FROM executions_steprun
  WHERE tenant_id = %(tenant)s AND execution_id = %(execution)s
    AND {_CLAIMABLE} AND {_DUE}
  ORDER BY due_at, id LIMIT 1
), taken AS (
  UPDATE executions_steprun s
  SET status = 'running', worker_id = %(worker)s, fence = s.fence + 1, claims = s.claims + 1,
      attempt = s.attempt + 1, due_at = NULL, sent_at = NULL,
      lease_until = now() + make_interval(secs => s.timeout + %(margin)s),
      started_at = coalesce(s.started_at, now())
  WHERE s.id = (SELECT id FROM due)  -- not a join: that was planned as a scan on new tables
  RETURNING s.id, s.key, s.fence, s.attempt, s.wait
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
SELECT taken.id, taken.key, taken.fence, taken.attempt, taken.wait, moved.last_seq,
       (SELECT jsonb_object_agg(s.key, jsonb_build_array(s.status, s.outcome))
        FROM executions_steprun s
        WHERE s.tenant_id = %(tenant)s AND s.execution_id = %(execution)s),
       {_RUN}
FROM taken CROSS JOIN moved {_RUN_TABLES}
"""

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
SELECT {_RUN}
FROM gate {_RUN_TABLES}
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

MARK_SENDING = """
UPDATE executions_steprun SET input = %(input)s, sent_at = now()
WHERE id = %(step)s AND fence = %(fence)s AND status = 'running'
RETURNING 1
"""
