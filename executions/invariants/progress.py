"""The SQL of I1, every execution ends: what will not go on by itself. As in statements.py."""

from __future__ import annotations

from executions.invariants.statements import LATE, STARTED, STEPS

NOTHING_OPEN = """NOT EXISTS (
  SELECT FROM executions_steprun s
  WHERE s.tenant_id = e.tenant_id AND s.execution_id = e.id AND s.status = ANY(%(step_open)s))"""

OVERDUE = f"""
SELECT e.tenant_id, e.id, NULL,
       jsonb_build_object('seconds', extract(epoch FROM now() - e.deadline_at)::int)
FROM executions_execution e
WHERE e.status = 'running' AND e.deadline_at < {LATE}
ORDER BY e.deadline_at LIMIT %(most)s
"""

RUNNING_IDLE = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('status', e.status)
FROM executions_execution e
WHERE e.status = 'running' AND {NOTHING_OPEN} LIMIT %(most)s
"""

# Who is no worker leaves the end of a run that has an output to one (services/settling.py).
WAITING_IDLE = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object('status', e.status)
FROM executions_execution e
WHERE e.status = 'waiting' AND {STARTED} AND {NOTHING_OPEN} AND NOT (e.follow_up AND EXISTS (
  SELECT FROM executions_steprun s
  WHERE s.tenant_id = e.tenant_id AND s.execution_id = e.id AND s.finished_at >= {LATE}))
LIMIT %(most)s
"""

# While any step runs, workers are at it and the queue is only long. (Judged in Python further.)
UNCLAIMED = """
SELECT s.tenant_id, s.execution_id, s.key,
       jsonb_build_object('seconds', extract(epoch FROM now() - s.due_at)::int)
FROM executions_steprun s
WHERE s.status IN ('queued', 'retrying', 'waiting')
  AND s.due_at < now() - make_interval(secs => %(unclaimed)s)
  AND NOT EXISTS (SELECT FROM executions_steprun r WHERE r.status = 'running')
ORDER BY s.due_at LIMIT %(most)s
"""

UNBEGUN = """
SELECT e.tenant_id, e.id, NULL,
       jsonb_build_object('seconds', extract(epoch FROM now() - e.due_at)::int)
FROM executions_execution e
WHERE e.status = 'queued' AND e.item_index IS NULL AND NOT e.held
  AND e.due_at < now() - make_interval(secs => %(unclaimed)s)
  AND NOT EXISTS (SELECT FROM executions_steprun r WHERE r.status = 'running')
ORDER BY e.due_at LIMIT %(most)s
"""

NOT_FOLLOWED_UP = f"""
SELECT e.tenant_id, e.id, NULL, jsonb_build_object(
  'status', e.status, 'seconds', extract(epoch FROM now() - e.finished_at)::int)
FROM executions_execution e
WHERE e.follow_up AND e.finished_at < {LATE} ORDER BY e.id LIMIT %(most)s
"""

CHILDREN_UNHEARD = f"""
SELECT e.tenant_id, e.id, s.key, jsonb_build_object('waits_for', s.wait->>'for')
FROM {STEPS}
WHERE {STARTED} AND s.status = 'waiting' AND s.wait->>'for' IN ('items', 'workflow')
  AND NOT EXISTS (
    SELECT FROM executions_execution c
    WHERE c.tenant_id = e.tenant_id AND c.parent_id = e.id AND c.parent_step = s.key
      AND c.parent_fence = s.fence AND (c.finished_at IS NULL OR c.follow_up))
LIMIT %(most)s
"""
