"""The SQL of targets.py, receive.py, rejects.py and retention.py. Parameters are `%(name)s`."""

from __future__ import annotations

# Which version of its row an endpoint is, and its workflow: where it lies, and who wrote it.
_REVISION = "concat_ws(' ', e.xmin, e.ctid, w.xmin, w.ctid)"

FIND = f"""
SELECT e.tenant_id, e.id, e.scheme, e.options, e.sealed_secret,
       CASE WHEN e.previous_expires_at > now() THEN e.sealed_previous END, e.allowed_ips,
       w.id, CASE WHEN w.archived_at IS NULL THEN w.current_id END, w.paused_at IS NOT NULL,
       e.answer, e.rate, {_REVISION}
FROM webhooks_endpoint e JOIN workflows_workflow w ON w.id = e.workflow_id
WHERE e.token = %(token)s AND e.enabled
"""

# Nothing is stored at an endpoint that is no longer as it was when the signature was verified.
DELIVER = f"""
INSERT INTO webhooks_delivery
  (id, tenant_id, endpoint_id, reason, dedupe_key, execution_id, hold, headers, query, client,
   size, body, status, latency_ms, received_at)
SELECT %(id)s, e.tenant_id, e.id, %(reason)s, %(key)s, %(execution)s, %(hold)s,
       %(headers)s, %(query)s, %(client)s, %(size)s, %(body)s, 202, %(latency)s, now()
FROM webhooks_endpoint e JOIN workflows_workflow w ON w.id = e.workflow_id
WHERE e.id = %(endpoint)s AND {_REVISION} = %(revision)s
ON CONFLICT (tenant_id, endpoint_id, dedupe_key) DO NOTHING
RETURNING id
"""

# The delivery that has the key, if one has; and whether the endpoint is still as it was.
FIRST = f"""
SELECT {_REVISION} = %(revision)s, d.id, d.execution_id, d.hold
FROM webhooks_endpoint e JOIN workflows_workflow w ON w.id = e.workflow_id
LEFT JOIN webhooks_delivery d
  ON d.tenant_id = e.tenant_id AND d.endpoint_id = e.id AND d.dedupe_key = %(key)s
WHERE e.tenant_id = %(tenant)s AND e.id = %(endpoint)s
"""

# Nobody waits for the disk, and nobody waits long for a process that was frozen with the lock.
UNHURRIED = """
SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '1s', true)
"""

REJECT = """
WITH counted AS (
  INSERT INTO webhooks_tally AS t (tenant_id, endpoint_id, reason, hour, seen, kept, kept_bytes)
  VALUES (%(tenant)s, %(endpoint)s, %(reason)s, date_trunc('hour', now(), 'UTC'),
          1, least(1, %(rows)s), %(body_bytes)s)
  ON CONFLICT (tenant_id, endpoint_id, reason, hour) DO UPDATE
  SET seen = t.seen + 1,
      kept = t.kept + (t.seen < %(rows)s)::int,
      kept_bytes = t.kept_bytes + CASE WHEN t.seen < %(rows)s THEN %(body_bytes)s ELSE 0 END
  RETURNING seen, kept_bytes
)
INSERT INTO webhooks_delivery
  (id, tenant_id, endpoint_id, reason, duplicate_of, execution_id, hold, headers, query, client,
   size, body, status, problem, latency_ms, received_at)
SELECT %(id)s, %(tenant)s, %(endpoint)s, %(reason)s, %(duplicate_of)s::uuid, %(execution)s::uuid,
       '', %(headers)s::jsonb, %(query)s::jsonb, %(client)s::inet, %(size)s,
       CASE WHEN counted.kept_bytes <= %(hour_bytes)s THEN %(body)s::bytea END,
       %(status)s, %(problem)s::jsonb, %(latency)s, now()
FROM counted WHERE counted.seen <= %(rows)s
"""

_EXPIRED = """d.id < %(before)s AND d.received_at < %(cutoff)s AND NOT EXISTS (
  SELECT FROM executions_execution e WHERE e.id = d.execution_id AND e.finished_at IS NULL)"""

FORGET = f"""
WITH expired AS MATERIALIZED (
  SELECT d.tenant_id, d.id FROM webhooks_delivery d
  WHERE d.id > %(after)s AND {_EXPIRED}
  ORDER BY d.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), resends AS (
  DELETE FROM webhooks_resend r USING expired
  WHERE r.tenant_id = expired.tenant_id AND r.delivery_id = expired.id
), deliveries AS (
  DELETE FROM webhooks_delivery d USING expired WHERE d.id = expired.id RETURNING 1
)
SELECT (SELECT id FROM expired ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM deliveries)
"""

COUNT_EXPIRED = f"SELECT count(*) FROM webhooks_delivery d WHERE {_EXPIRED}"

FORGET_TALLIES = "DELETE FROM webhooks_tally WHERE hour < %(cutoff)s"
