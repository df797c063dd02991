"""The invariants find what they are for: damage of each kind, done to a run that was fine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from executions.models import Execution
from tests import environment, factories, servers
from tests.executions.driving import drained, started
from tests.faults import invariants, workflows
from tests.faults.invariants import Database
from tests.faults.receiver import Call
from tests.workflows.definitions import document, step

AGAIN = (
    "INSERT INTO executions_event "
    "(tenant_id, execution_id, seq, kind, step, level, message, data, at) "
    "SELECT tenant_id, execution_id, seq + 50, kind, step, level, message, data, at "
    "FROM executions_event WHERE"
)
LATER = "UPDATE executions_event SET seq = seq + 50 WHERE"
GONE = (
    "WITH gone AS (DELETE FROM executions_steprun WHERE key = 'done') "
    "DELETE FROM executions_event WHERE step = 'done'"
)
GOING_ON = "WITH going_on AS (UPDATE executions_execution SET finished_at = NULL)"
HELD = "UPDATE executions_steprun SET status = 'running', lease_until = now() - interval '1 minute'"

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def db(committed_db: None) -> Iterator[Database]:
    """Above row-level security, foreign keys and triggers."""
    with servers.superuser(environment.DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
def run(committed_db: None) -> Execution:
    """Two branches and their join, ended as they should."""
    steps = [step("a"), step("b"), workflows.done("a", "b")]
    tenant = factories.make_tenant()
    return drained(started(tenant, document(*steps, **workflows.OUTPUT)))


def found(db: Database, run: Execution, *calls: Call, promised: Sequence[UUID] = ()) -> set[str]:
    """The numbers of the invariants that are broken."""
    verdict = invariants.check(db, tenants=[run.tenant_id], promised=promised, calls=calls)
    return {flaw.split()[0] for flaw in verdict.flaws}


def call(
    run: Execution, *, method: str = "PUT", key: str | None = None, body_id: str | None = None
) -> Call:
    return Call(time.time(), method, str(run.id), "a", key, body_id)


def test_a_run_that_was_fine_breaks_none(db: Database, run: Execution) -> None:
    assert run.status == "succeeded"
    theirs = call(run, key=f"{run.id}.a", body_id=str(run.id))
    assert found(db, run, theirs, promised=[run.id]) == set()


@pytest.mark.parametrize(
    ("number", "damage"),
    [
        ("I1", "UPDATE executions_execution SET status = 'running'"),
        ("I2", "UPDATE executions_steprun SET status = 'running' WHERE key = 'a'"),
        ("I2", f"{AGAIN} kind = 'step.succeeded' AND step = 'a'"),
        ("I3", f"{LATER} kind = 'step.succeeded' AND step = 'a'"),
        ("I4", GONE),
        ("I4", f"{AGAIN} kind = 'step.started' AND step = 'done'"),
        ("I6", "DELETE FROM executions_event WHERE seq = 3"),
        ("I6", "UPDATE executions_execution SET last_seq = last_seq + 1"),
        ("I6", f"{AGAIN} seq = 3"),
        ("I6", f"{LATER} seq = 3"),
        ("I7", """UPDATE executions_execution SET output = '{"tenant": "another"}'"""),
        ("I7", "UPDATE executions_steprun SET tenant_id = gen_random_uuid() WHERE key = 'b'"),
        ("I8", "UPDATE executions_steprun SET status = 'running' WHERE key = 'b'"),
        ("I8", f"{GOING_ON} {HELD} WHERE key = 'b'"),
    ],
)
def test_damage_is_found(db: Database, run: Execution, number: str, damage: str) -> None:
    db.execute(damage.encode())
    assert number in found(db, run)


def test_a_promise_that_was_not_kept_is_found(db: Database, run: Execution) -> None:
    assert found(db, run, promised=[run.id, uuid4()]) == {"I0"}


def test_a_run_that_nobody_finishes_is_found(db: Database, run: Execution) -> None:
    waiting = started(factories.make_tenant(), document(step("a")))
    assert found(db, waiting) == {"I1"}


def test_calls_without_a_lease_are_found(db: Database, run: Execution) -> None:
    assert found(db, run, call(run), call(run)) == {"I5"}


def test_a_post_that_was_made_again_is_found(db: Database, run: Execution) -> None:
    db.execute("UPDATE executions_steprun SET claims = 2, fence = 2 WHERE key = 'a'")
    assert found(db, run, call(run), call(run)) == {"I4"}  # the history knows of one start
    assert found(db, run, *[call(run, method="POST")] * 2) == {"I4", "I5"}


def test_a_call_of_a_run_that_is_not_there_is_found(db: Database, run: Execution) -> None:
    lost = Call(time.time(), "GET", str(uuid4()), "a", None, None)
    assert found(db, run, lost) == {"I5"}


@pytest.mark.parametrize("which", [{"key": "another"}, {"body_id": "another"}])
def test_a_call_with_another_steps_key_is_found(
    db: Database, run: Execution, which: dict[str, str]
) -> None:
    assert found(db, run, call(run, **which)) == {"I5"}
