"""The SQL of the invariants. Each selects what breaks one: tenant, execution, step, facts (JSON).

Parameters are `%(name)s`. What is open is found by the partial indexes on open rows, whatever its
age; the rest by the executions whose ids are above `after` and not above `upto`: ids are in the
order in which runs were started, so that is a range of the primary key.
"""

from __future__ import annotations


def with_tenant(select: str) -> str:
    """The rows of `select` with the slug of the tenant that their first column names."""
    return f"""
SELECT found.*, t.slug FROM ({select}) AS found (tenant_id, execution_id, what, facts)
LEFT JOIN tenants_tenant t ON t.id = found.tenant_id
"""


STARTED = "e.id > %(after)s AND e.id <= %(upto)s"
# Whose history retention has not come to, nor will during the look.
_TOLD = f"""{STARTED} AND (e.finished_at IS NULL
  OR e.finished_at > now() - make_interval(days => %(kept_days)s, hours => -1))"""
_EVENTS = """executions_execution e
JOIN executions_event v ON v.tenant_id = e.tenant_id AND v.execution_id = e.id"""
STEPS = """executions_execution e
JOIN executions_steprun s ON s.tenant_id = e.tenant_id AND s.execution_id = e.id"""
# That an event of a move says was reached.
_STATUS = "CASE v.kind WHEN 'step.started' THEN 'running' ELSE split_part(v.kind, '.', 2) END"
# A step that was taken over from the origin of a resumed run: it has a result and no history.
_TAKEN_OVER = "e.trigger_kind = 'resume' AND s.claims = 0"
LATE = "now() - make_interval(secs => %(grace)s)"

# --- I2: one end, by legal moves ---------------------------------------------------------------

ENDED_TWICE = f"""
SELECT e.tenant_id, e.id, v.step, jsonb_build_object('times', count(*))
FROM {_EVENTS}
WHERE {_TOLD} AND v.kind = ANY(%(ends)s)
GROUP BY e.tenant_id, e.id, v.step HAVING count(*) > 1 LIMIT %(most)s
"""

# A move from an end is the one above.
ILLEGAL_MOVE = f"""
WITH moved AS (
  SELECT e.tenant_id, e.id, v.step, v.seq, split_part(v.kind, '.', 1) AS what,
         {_STATUS} AS target
  FROM {_EVENTS}
  WHERE {_TOLD} AND v.kind = ANY(%(moves)s)
), pair AS (
  SELECT *, lag(target, 1, CASE what WHEN 'step' THEN 'pending' ELSE 'queued' END)
              OVER (PARTITION BY id, step ORDER BY seq) AS source
  FROM moved
)
SELECT tenant_id, id, step, jsonb_build_object('source', source, 'target', target, 'seq', seq)
FROM pair
WHERE what || '.' || source <> ALL(%(ends)s) AND target <> 'reused' AND source <> 'reused'
  AND concat(what, ' ', source, ' ', target) <> ALL(%(legal)s) LIMIT %(most)s
"""

HISTORY_DIFFERS = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('row', s.status, 'history', said.status)
FROM {STEPS}
LEFT JOIN LATERAL (
  SELECT {_STATUS} AS status
  FROM executions_event v
  WHERE v.tenant_id = e.tenant_id AND v.execution_id = e.id AND v.step = s.key
    AND v.kind = ANY(%(moves)s)
  ORDER BY v.seq DESC LIMIT 1
) AS said ON true
WHERE {_TOLD} AND said.status IS DISTINCT FROM s.status
  AND NOT (said.status = 'reused' AND s.status IN ('succeeded', 'failed', 'skipped'))
UNION ALL
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('row', e.status, 'history', said.status)
FROM executions_execution e
LEFT JOIN LATERAL (
  SELECT split_part(v.kind, '.', 2) AS status
  FROM executions_event v
  WHERE v.tenant_id = e.tenant_id AND v.execution_id = e.id AND v.step IS NULL
    AND v.kind = ANY(%(moves)s)
  ORDER BY v.seq DESC LIMIT 1
) AS said ON true
WHERE {_TOLD} AND coalesce(said.status, 'queued') <> e.status
LIMIT %(most)s
"""

RUN_CONTRADICTS = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('status', e.status)
FROM executions_execution e
WHERE {STARTED} AND (
  (e.finished_at IS NOT NULL) <> (e.status = ANY(%(run_ended)s))
  OR (e.active_since IS NOT NULL) <> (e.status = 'running')
  OR (e.deadline_at IS NOT NULL) <> (e.status = 'running')
  OR (e.error IS NULL AND e.status IN ('failed', 'timed_out'))
  OR (e.error IS NOT NULL AND e.status NOT IN ('failed', 'timed_out', 'cancelled'))
  OR (e.output IS NOT NULL AND e.status <> 'succeeded')
) LIMIT %(most)s
"""

STEP_CONTRADICTS = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('status', s.status)
FROM {STEPS}
WHERE {STARTED} AND (
  (s.lease_until IS NOT NULL) <> (s.status = 'running')
  OR (s.worker_id IS NOT NULL) <> (s.status = 'running')
  OR (s.due_at IS NULL AND s.status IN ('queued', 'retrying'))
  OR (s.due_at IS NOT NULL AND s.status NOT IN ('queued', 'retrying', 'waiting'))
  OR (s.finished_at IS NOT NULL) <> (s.status = ANY(%(step_ended)s))
  OR (s.outcome IS NOT NULL) <> (s.status IN ('succeeded', 'failed'))
  OR (s.started_at IS NOT NULL) <> (s.claims > 0) AND NOT ({_TAKEN_OVER})
  OR (s.wait IS NOT NULL AND s.status = ANY(%(step_ended)s))
  OR (s.status = 'failed' AND (s.error IS NULL OR s.outcome <> 'failure'))
  OR (s.status = 'succeeded' AND s.error IS NOT NULL)
) LIMIT %(most)s
"""

# --- I3: no step before its edges say so (judged in Python) ------------------------------------

BEGINNINGS = f"""
SELECT e.tenant_id, e.id, e.version_id, jsonb_agg(
  jsonb_build_array(v.kind, v.step, CASE v.kind WHEN 'step.succeeded' THEN v.data->>'outcome' END)
  ORDER BY v.seq)
FROM {_EVENTS}
WHERE {_TOLD} AND v.kind = ANY(%(edges)s)
  AND e.item_index IS NULL AND e.trigger_kind <> 'resume'
GROUP BY e.tenant_id, e.id
"""
DEFINITIONS = "SELECT id, definition FROM workflows_workflowversion WHERE id = ANY(%(versions)s)"

# --- I4: every join fires once -----------------------------------------------------------------

NEVER_SETTLED = f"""
SELECT e.tenant_id, e.id, missing.key, '{{}}'::jsonb
FROM executions_execution e
JOIN workflows_workflowversion w ON w.id = e.version_id
CROSS JOIN LATERAL (
  SELECT step->>'key' FROM jsonb_array_elements(w.definition->'steps') AS step
  EXCEPT
  SELECT s.key FROM executions_steprun s WHERE s.tenant_id = e.tenant_id AND s.execution_id = e.id
) AS missing (key)
WHERE {STARTED} AND e.status = ANY(%(run_ended)s) AND e.started_at IS NOT NULL
  AND e.item_index IS NULL  -- the steps of an item's run are a body's
LIMIT %(most)s
"""

STARTED_OTHERWISE = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('claims', s.claims, 'starts', told.starts)
FROM {STEPS}
CROSS JOIN LATERAL (
  SELECT count(*) AS starts FROM executions_event v
  WHERE v.tenant_id = e.tenant_id AND v.execution_id = e.id AND v.step = s.key
    AND v.kind = 'step.started'
) AS told
WHERE {_TOLD} AND told.starts <> s.claims LIMIT %(most)s
"""

# --- I5: no call without a lease ---------------------------------------------------------------

# The last lease has no record while it is held or waited on, nor if it was called off. Of a step
# that waits again and again (a poll) only the first wait is recorded. What failed while nobody ran
# it, as what it waited for, is a try without a lease.
TRIES_UNLEASED = f"""
SELECT e.tenant_id, e.id, s.key,
       jsonb_build_object('tries', jsonb_array_length(s.attempts), 'claims', s.claims)
FROM {STEPS}
CROSS JOIN LATERAL (
  SELECT count(*) AS times FROM (
    SELECT v.kind, lag(v.kind) OVER (ORDER BY v.seq) AS before FROM executions_event v
    WHERE v.tenant_id = e.tenant_id AND v.execution_id = e.id AND v.step = s.key
      AND v.kind = ANY(%(moves)s)
  ) AS pair
  WHERE pair.before IN ('step.waiting', 'step.unknown')
    AND pair.kind IN ('step.retrying', 'step.failed')
) AS unseen
WHERE {_TOLD} AND (
  jsonb_array_length(s.attempts) > s.claims + unseen.times
  OR s.type <> 'poll' AND jsonb_array_length(s.attempts)
    < s.claims - (s.status IN ('running', 'waiting', 'cancelled'))::int
  OR s.attempt > s.claims OR s.fence < s.claims
) LIMIT %(most)s
"""

# --- I6: nothing after the end, and no gap before it -------------------------------------------

AFTER_END = f"""
SELECT e.tenant_id, e.id, v.step, jsonb_build_object('kind', v.kind, 'seq', v.seq)
FROM {_EVENTS}
WHERE {_TOLD} AND v.kind <> ALL(%(run_ends)s) AND v.seq > (
  SELECT min(f.seq) FROM executions_event f
  WHERE f.tenant_id = e.tenant_id AND f.execution_id = e.id AND f.kind = ANY(%(run_ends)s)
) LIMIT %(most)s
"""

HISTORY_GAP = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('last_seq', e.last_seq, 'events', count(v.seq))
FROM executions_execution e
LEFT JOIN executions_event v ON v.tenant_id = e.tenant_id AND v.execution_id = e.id
WHERE {_TOLD}
GROUP BY e.id HAVING count(v.seq) <> e.last_seq OR max(v.seq) <> e.last_seq LIMIT %(most)s
"""

CLAIMABLE_AFTER_END = """
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('status', s.status, 'run', e.status)
FROM (
  SELECT tenant_id, execution_id, key, status FROM executions_steprun
  WHERE status IN ('queued', 'retrying', 'waiting') AND due_at IS NOT NULL
  UNION ALL
  SELECT tenant_id, execution_id, key, status FROM executions_steprun WHERE status = 'running'
) AS s
JOIN executions_execution e ON e.id = s.execution_id
WHERE e.status = ANY(%(run_ended)s) LIMIT %(most)s
"""

WAITS_AFTER_END = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('status', s.status, 'run', e.status)
FROM {STEPS}
WHERE {STARTED} AND e.status = ANY(%(run_ended)s) AND s.status IN ('waiting', 'unknown')
LIMIT %(most)s
"""

FAILURE_UNHANDLED = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('status', s.status)
FROM {STEPS}
WHERE {STARTED} AND e.status = 'succeeded' AND e.item_index IS NULL AND (
  s.status = 'cancelled'
  OR s.status = 'failed' AND NOT EXISTS (
    SELECT FROM workflows_workflowversion w
    CROSS JOIN LATERAL jsonb_array_elements(w.definition->'steps') AS step
    WHERE w.id = e.version_id AND (
      step->>'key' = s.key AND step->'continue_on_failure' = 'true'
      OR step->'needs' ?| ARRAY[s.key || '.failure', s.key || '.always']))
) LIMIT %(most)s
"""

# --- I7: what belongs to one tenant is in no other's run ---------------------------------------

# Steps by their own ids. OFFSET keeps the planner from a scan of all runs, few as they may be.
OTHER_TENANT = """
SELECT s.tenant_id, s.execution_id, s.key, jsonb_build_object('owner', run.tenant_id)
FROM executions_steprun s
CROSS JOIN LATERAL (
  SELECT e.tenant_id FROM executions_execution e WHERE e.id = s.execution_id OFFSET 0
) AS run
WHERE s.id > %(after)s AND s.id <= %(upto)s AND s.tenant_id <> run.tenant_id LIMIT %(most)s
"""

OTHER_TENANTS_VERSION = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('owner', w.tenant_id)
FROM executions_execution e JOIN workflows_workflowversion w ON w.id = e.version_id
WHERE {STARTED} AND w.tenant_id <> e.tenant_id LIMIT %(most)s
"""

# --- I8: no step runs on a lease that is over --------------------------------------------------

LEASE_OVER = f"""
SELECT s.tenant_id, s.execution_id, s.key,
       jsonb_build_object('seconds', extract(epoch FROM now() - s.lease_until)::int)
FROM executions_steprun s
WHERE s.status = 'running' AND s.lease_until < {LATE}
ORDER BY s.lease_until LIMIT %(most)s
"""

WORKER_GONE = f"""
SELECT s.tenant_id, s.execution_id, s.key, jsonb_build_object('worker', s.worker_id)
FROM executions_steprun s
WHERE s.status = 'running' AND s.lease_until >= {LATE} AND NOT EXISTS (
  SELECT FROM executions_worker w
  WHERE w.id = s.worker_id AND w.seen_at > {LATE} - make_interval(secs => %(lost)s))
LIMIT %(most)s
"""

# --- Where to look -----------------------------------------------------------------------------

NEWEST = """
SELECT id FROM executions_execution
WHERE id > %(after)s ORDER BY id DESC OFFSET %(page)s LIMIT 1
"""
PAGE_END = """
SELECT id FROM executions_execution
WHERE id > %(after)s ORDER BY id OFFSET %(page)s LIMIT 1
"""
