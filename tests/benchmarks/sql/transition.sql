-- What a step of a chain writes, in one transaction: under the lock of the execution the step is
-- recorded, the next one leased, two events are stored and the execution is moved on.
-- A client goes through its executions, fifty steps each; limits.py has stored them.
\set client :client_id + :others
\set n :n + 1
\set last :n - 1
\set told 2 * :n - 1
\set started 2 * :n
\set run (:n / 50) % :runs
\startpipeline
BEGIN;
SELECT set_config('role', 'none', true), set_config('app.current_tenant_id', :tenant, true);
SELECT status, last_seq FROM executions_execution WHERE id = numbered(:client, :run) FOR UPDATE;
UPDATE executions_steprun
  SET status = 'succeeded', outcome = 'success', input = :value, output = :value,
      attempts = attempts || :attempt::jsonb, lease_until = NULL, worker_id = NULL,
      finished_at = now()
  WHERE id = numbered(:client, :last) AND fence = 1 AND status = 'running';
INSERT INTO executions_steprun
    (id, tenant_id, execution_id, key, type, status, timeout, attempt, claims, fence, worker_id,
     lease_until, attempts, queued_at, started_at)
  VALUES (numbered(:client, :n), :tenant, numbered(:client, :run), 's' || :n::int, 'transform',
          'running', 5, 1, 1, 1, :worker, now() + interval '20 seconds', '[]', now(), now());
INSERT INTO executions_event
    (tenant_id, execution_id, seq, kind, step, level, message, data, at)
  VALUES (:tenant, numbered(:client, :run), :told, 'step.succeeded', 's' || :last::int, 'info',
          'Succeeded.', '{"outcome": "success"}', now()),
         (:tenant, numbered(:client, :run), :started, 'step.started', 's' || :n::int, 'info',
          'Try 1 started.', NULL, now());
UPDATE executions_execution
  SET status = 'running', last_seq = :started, active_since = coalesce(active_since, now()),
      deadline_at = coalesce(deadline_at, now() + interval '300 seconds')
  WHERE id = numbered(:client, :run);
COMMIT;
\endpipeline
