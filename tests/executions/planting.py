"""Breaches of invariants: written straight into the tables, past all keys and policies."""

from __future__ import annotations

import re
from uuid import UUID

from executions.models import Execution
from tests import environment, factories, servers
from tests.executions.driving import POST, claimed, drained, finish, new_worker, started
from tests.workflows.definitions import document, step

RUN = "UPDATE executions_execution SET {} WHERE id = %(run)s"
STEP = "UPDATE executions_steprun SET {} WHERE execution_id = %(run)s AND key = 'a'"
STEP_B = STEP.replace("'a'", "'b'")
EXPIRED = STEP.format("lease_until = now() - interval '1 hour'")
EVENT = "UPDATE executions_event SET {} WHERE execution_id = %(run)s AND step = 'a' AND kind = {}"
TOLD = """
WITH next AS (
  UPDATE executions_execution SET last_seq = last_seq + 1 WHERE id = %(run)s
  RETURNING tenant_id, id, last_seq
)
INSERT INTO executions_event (tenant_id, execution_id, seq, kind, step, level, message, data, at)
SELECT tenant_id, id, last_seq, {}, {}, 'info', '', {}, now() FROM next
"""


def make(kind: str) -> Execution:
    """A run as a plant wants it."""
    steps = [step("a", kind="http", config=POST), step("b", "a")]
    if kind in ("finished", "single"):
        steps = [step("a"), step("b", "a")]
    if kind in ("one", "single"):
        steps = steps[:1]
    run = started(factories.make_tenant(), document(*steps))
    if kind in ("finished", "single"):
        return drained(run)
    if kind != "queued":
        claim = claimed(new_worker())
        if kind == "half":
            finish(claim, None)
    return run


def plant(execution_id: UUID, *statements: str) -> None:
    """Write past all keys and policies."""
    with servers.superuser(environment.DATABASE) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode(), {"run": execution_id})


def rounded(message: str) -> str:
    """The message with its seconds in words, since planting and looking take some too."""
    message = re.sub(r"\b36\d\d s\b", "an hour", message)
    return re.sub(r"\b1[23]\d s\b", "2 minutes", message)
