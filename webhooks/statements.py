"""The SQL of webhooks/receive.py and webhooks/retention.py. Parameters are `%(name)s`."""

from __future__ import annotations

FIND = """
SELECT e.tenant_id, e.id, e.scheme, e.options, e.sealed_secret,
       CASE WHEN e.previous_expires_at > now() THEN e.sealed_previous END,
       w.id, CASE WHEN w.archived_at IS NULL THEN w.current_id END, e.answer, e.rate
FROM webhooks_endpoint e JOIN workflows_workflow w ON w.id = e.workflow_id
WHERE e.token = %(token)s AND e.enabled
"""

DELIVER = """
INSERT INTO webhooks_delivery
  (id, tenant_id, endpoint_id, dedupe_key, execution_id, headers, size, received_at)
VALUES (%(id)s, %(tenant)s, %(endpoint)s, %(key)s, %(execution)s, %(headers)s, %(size)s, now())
ON CONFLICT (tenant_id, endpoint_id, dedupe_key) DO NOTHING
RETURNING id
"""

FIRST = """
SELECT id, execution_id FROM webhooks_delivery
WHERE tenant_id = %(tenant)s AND endpoint_id = %(endpoint)s AND dedupe_key = %(key)s
"""

_EXPIRED = """d.id < %(before)s AND d.received_at < %(cutoff)s AND NOT EXISTS (
  SELECT FROM executions_execution e WHERE e.id = d.execution_id AND e.finished_at IS NULL)"""

FORGET = f"""
WITH expired AS MATERIALIZED (
  SELECT d.id FROM webhooks_delivery d
  WHERE d.id > %(after)s AND {_EXPIRED}
  ORDER BY d.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), deliveries AS (
  DELETE FROM webhooks_delivery d USING expired WHERE d.id = expired.id RETURNING 1
)
SELECT (SELECT id FROM expired ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM deliveries)
"""

COUNT_EXPIRED = f"SELECT count(*) FROM webhooks_delivery d WHERE {_EXPIRED}"
