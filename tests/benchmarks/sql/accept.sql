-- What an accepted webhook writes, in one transaction: the endpoint is found; a delivery, an
-- execution, its first step and two events are stored.
\set client :client_id + :others
\set n :n + 1
\set fresh 1000000 + :n
\startpipeline
BEGIN;
SELECT set_config('role', 'stepwell_operator', true), set_config('app.current_tenant_id', '', true);
SELECT e.tenant_id, e.id, e.sealed_secret, w.id, w.current_id
  FROM webhooks_endpoint e JOIN workflows_workflow w ON w.id = e.workflow_id
  WHERE e.token = :token AND e.enabled;
SELECT set_config('role', 'none', true), set_config('app.current_tenant_id', :tenant, true);
INSERT INTO webhooks_delivery
    (id, tenant_id, endpoint_id, dedupe_key, execution_id, headers, size, received_at)
  VALUES (uuidv7(), :tenant, :endpoint, 'id:' || numbered(:client, :fresh),
          numbered(:client, :fresh), :headers, 1000, now())
  ON CONFLICT (tenant_id, endpoint_id, dedupe_key) DO NOTHING RETURNING id;
INSERT INTO executions_execution
    (id, tenant_id, workflow_id, version_id, status, trigger_kind, trigger, timeout, last_seq,
     active_seconds, created_at)
  VALUES (numbered(:client, :fresh), :tenant, :workflow, :version, 'queued', 'webhook', :trigger,
          300, 2, 0, now());
INSERT INTO executions_steprun
    (id, tenant_id, execution_id, key, type, status, timeout, attempt, claims, fence, due_at,
     attempts, queued_at)
  VALUES (uuidv7(), :tenant, numbered(:client, :fresh), 'only', 'transform', 'queued', 5, 0, 0, 0,
          now(), '[]', now());
INSERT INTO executions_event
    (tenant_id, execution_id, seq, kind, step, level, message, data, at)
  VALUES (:tenant, numbered(:client, :fresh), 1, 'execution.created', NULL, 'info',
          'Started by a webhook.', '{"trigger": "webhook"}', now()),
         (:tenant, numbered(:client, :fresh), 2, 'step.queued', 'only', 'info',
          'Ready to run.', NULL, now());
COMMIT;
\endpipeline
