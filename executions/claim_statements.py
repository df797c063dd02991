"""The SQL of executions/transitions.py by which workers claim. Parameters are `%(name)s`."""

from __future__ import annotations

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
# The rows say also whether there was work at all, and whether there is more of it. Executions are
# looked up one after another, until enough are locked: a join looked up all that could be picked,
# and on new tables read all executions that there are.
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
  SELECT e.*
  FROM (SELECT * FROM candidate ORDER BY turn, tie) AS next
  CROSS JOIN LATERAL (
    SELECT e.id, e.tenant_id, e.version_id, e.last_seq, e.trigger_kind,
           e.status = 'queued' AND e.item_index IS NULL AS launches
    FROM executions_execution e WHERE e.tenant_id = next.tenant_id AND e.id = next.id
    FOR NO KEY UPDATE {{lock}}
  ) AS e
  LIMIT least(%(most)s, (SELECT (count(*) + 1) / 2 FROM candidate))
)
SELECT picked.*, EXISTS (SELECT FROM candidate),
       (SELECT count(*) FROM candidate) > (SELECT count(*) FROM picked)
FROM (VALUES (1)) AS one LEFT JOIN picked ON true
"""
PICK = _PICK.format(lock="")
PICK_UNLOCKED = _PICK.format(lock="SKIP LOCKED")

# What a worker must know of a run to work on it.
RUN_COLUMNS = """
       e.version_id, e.workflow_id, e.trigger_kind, e.trigger, e.created_at,
       w.slug, v.number, t.slug, t.name, t.egress_hosts,
       e.parent_id, e.parent_step, e.item_index, e.key_root, e.depth, e.limited, e.test"""
RUN_TABLES = """
JOIN executions_execution e ON e.id = %(execution)s
JOIN workflows_workflow w ON w.id = e.workflow_id
JOIN workflows_workflowversion v ON v.id = e.version_id
JOIN tenants_tenant t ON t.id = e.tenant_id"""

RUN = f"""
SELECT {RUN_COLUMNS}
FROM (VALUES (1)) AS one {RUN_TABLES}
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
       {RUN_COLUMNS}
FROM taken CROSS JOIN moved {RUN_TABLES}
"""
