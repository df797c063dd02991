"""The counts: all that was accepted exists exactly once, has ended well, and no step ran twice."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from django.db import connection

from tenants import scope
from tests.workload import Workload

POLL_SECONDS = 0.02

# Asked all the while, so it must not cost what is measured: the newest is looked at first (by its
# index, for OFFSET 0 lets no other plan be), and is open until the end.
UNFINISHED = """
SELECT id FROM (
  SELECT id, finished_at FROM executions_execution WHERE workflow_id = %s ORDER BY id DESC OFFSET 0
) AS newest WHERE finished_at IS NULL LIMIT 1
"""
EXECUTIONS = "SELECT id, status, last_seq FROM executions_execution WHERE workflow_id = %s"
DELIVERIES = """
SELECT d.execution_id FROM webhooks_delivery d
JOIN webhooks_endpoint e ON e.id = d.endpoint_id WHERE e.workflow_id = %s
"""
# Of each execution: its step runs, and those that are not as one good try leaves them.
STEPS = """
SELECT count(*), count(*) FILTER (WHERE s.status <> 'succeeded' OR s.attempt <> 1
  OR s.claims <> 1 OR s.fence <> 1 OR jsonb_array_length(s.attempts) <> 1)
FROM executions_steprun s JOIN executions_execution e ON e.id = s.execution_id
WHERE e.workflow_id = %s
"""
EVENTS = """
SELECT count(*), count(*) FILTER (WHERE v.kind = 'step.started'),
       count(*) FILTER (WHERE v.kind = 'step.succeeded')
FROM executions_event v JOIN executions_execution e ON e.id = v.execution_id
WHERE e.workflow_id = %s
"""


def wait_finished(workload: Workload, seconds: float) -> None:
    """Wait until nothing of it is left to do. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while left := _rows(workload, UNFINISHED):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{workload.name}: {left[0][0]} is unfinished after {seconds:g} s")
        time.sleep(POLL_SECONDS)


def last_seq(workload: Workload) -> int:
    """The number of the last event of an execution of it. Raises ValueError if they differ."""
    (last,) = {row[2] for row in _rows(workload, EXECUTIONS)}
    return int(last)


def mismatches(workload: Workload) -> list[str]:
    """What the database says otherwise than was promised; a sentence each."""
    promised, rows = workload.accepted, _rows(workload, EXECUTIONS)
    count, events = len(promised), sum(row[2] for row in rows)
    steps = count * workload.steps
    pairs: dict[str, tuple[object, object]] = {
        "accepted ids that are different": (len(set(promised)), count),
        "executions": (Counter(row[0] for row in rows), Counter(promised)),
        "statuses": ({row[1] for row in rows}, {"succeeded"} if rows else set()),
        "deliveries": (
            Counter(row[0] for row in _rows(workload, DELIVERIES)),
            Counter(workload.by_webhook),
        ),
        "step runs, spoiled ones": (_rows(workload, STEPS)[0], (steps, 0)),
        "events, starts, successes": (_rows(workload, EVENTS)[0], (events, steps, steps)),
    }
    return [
        f"{workload.name}: {what}: {_short(found)} in the database, {_short(expected)} expected"
        for what, (found, expected) in pairs.items()
        if found != expected
    ]


def _rows(workload: Workload, statement: str) -> list[tuple[Any, ...]]:
    with scope.tenant(workload.tenant_id), connection.cursor() as cursor:
        cursor.execute(statement, [workload.workflow.id])
        return list(cursor.fetchall())


def _short(value: object) -> str:
    return f"{value.total()} different" if isinstance(value, Counter) else str(value)
