"""The SQL that copies a run as it stands, as if it had been started earlier."""

from __future__ import annotations

# A copy's times are the original's, shifted; each is a millisecond younger than the one before.
COPY = """
WITH copy AS MATERIALIZED (
  SELECT uuidv7(%(shift)s + n * interval '1 millisecond') AS id
  FROM generate_series(1, %(count)s) AS n
), runs AS (
  INSERT INTO executions_execution
  SELECT aged.* FROM executions_execution e CROSS JOIN copy
  CROSS JOIN LATERAL jsonb_populate_record(e, jsonb_build_object(
    'id', copy.id, 'created_at', e.created_at + %(shift)s, 'started_at', e.started_at + %(shift)s,
    'finished_at', e.finished_at + %(shift)s)) AS aged
  WHERE e.id = %(original)s
), steps AS (
  INSERT INTO executions_steprun
  SELECT aged.* FROM executions_steprun s CROSS JOIN copy
  CROSS JOIN LATERAL jsonb_populate_record(s, jsonb_build_object(
    'id', uuidv7(%(shift)s), 'execution_id', copy.id)) AS aged
  WHERE s.execution_id = %(original)s
), events AS (
  INSERT INTO executions_event
  SELECT aged.* FROM executions_event v CROSS JOIN copy
  CROSS JOIN LATERAL jsonb_populate_record(v, jsonb_build_object(
    'execution_id', copy.id, 'at', v.at + %(shift)s)) AS aged
  WHERE v.execution_id = %(original)s
)
SELECT id FROM copy ORDER BY id
"""
