"""The SQL of webhooks/receive.py. Parameters are `%(name)s`."""

from __future__ import annotations

FIND = """
SELECT e.tenant_id, e.id, e.scheme, e.options, e.sealed_secret,
       CASE WHEN e.previous_expires_at > now() THEN e.sealed_previous END,
       w.id, CASE WHEN w.archived_at IS NULL THEN w.current_id END
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
