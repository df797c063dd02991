"""What is forgotten and what never is: nothing of a run that has not ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import LazySettings

from config.local import home
from executions import services
from executions.models import Event, Execution, StepRun
from executions.services import retention
from tenants import scope
from tests import environment, factories, servers
from tests.executions.driving import claimed, drained, in_threads, new_worker, started
from tests.executions.past import copies, copy
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

EXPIRED, KEPT = timedelta(days=30, minutes=1), timedelta(days=30, minutes=-1)
MANY = 1_000  # batches


def finished() -> Execution:
    """A run of two steps that has succeeded; it has seven events."""
    definition = document(step("a"), step("b", "a"))
    return drained(started(factories.make_tenant(), definition))


def left() -> set[UUID]:
    with scope.operator("a test looks at what is left"):
        return set(Execution.objects.values_list("id", flat=True))


def rows(execution_id: UUID) -> tuple[int, int]:
    """How many steps and events the run has."""
    with scope.operator("a test counts"):
        return (
            StepRun.objects.filter(execution_id=execution_id).count(),
            Event.objects.filter(execution_id=execution_id).count(),
        )


def set_run(execution_id: UUID, assignment: str) -> None:
    with servers.superuser(environment.DATABASE) as connection:
        statement = f"UPDATE executions_execution SET {assignment} WHERE id = %s"  # noqa: S608
        connection.execute(statement.encode(), [execution_id])


def test_a_run_goes_30_days_after_its_end_with_all_its_rows() -> None:
    run = finished()
    events = rows(run.id)[1]
    old, kept = copy(run, EXPIRED), copy(run, KEPT)
    expected = Counter(executions=1, steps=2, events=events)
    assert services.expired_runs() == expected
    assert services.forget_runs(MANY) == expected
    assert left() == {run.id, kept}
    assert rows(old) == (0, 0)
    assert rows(kept) == (2, events)
    assert services.forget_runs(MANY) == {}


def test_what_counts_is_the_end_and_not_the_start() -> None:
    run = finished()
    late = copy(run, timedelta(days=90))
    set_run(late, "finished_at = now() - interval '29 days'")
    assert services.forget_runs(MANY) == {}
    assert late in left()


@pytest.mark.parametrize("status", ["queued", "running", "retrying", "unknown"])
def test_nothing_of_an_open_run_goes_whatever_its_age(status: str) -> None:
    run = started(factories.make_tenant(), document(step("a", kind="http"), step("b", "a")))
    if status != "queued":
        claimed(new_worker())
    if status in ("retrying", "unknown"):
        with scope.tenant(run.tenant_id):
            StepRun.objects.filter(execution=run).update(status=status)
            Execution.objects.filter(id=run.id).update(status="waiting")
    old = copy(run, timedelta(days=4000))
    before = rows(old)
    assert services.expired_runs() == Counter()
    assert services.forget_runs(MANY) == {}
    assert rows(old) == before


def test_open_runs_do_not_stand_in_the_way_of_younger_ones() -> None:
    run = started(factories.make_tenant(), document(step("a")))
    opened = copies(run, retention.BATCH_RUNS + 5, timedelta(days=60))
    old = copies(drained(run), 3, EXPIRED)
    assert services.forget_runs(MANY)["executions"] == len(old)
    assert left() == {run.id, *opened}


def test_a_batch_is_a_thousand_events_or_one_run() -> None:
    run = finished()
    copies(run, 200, EXPIRED)
    per_run = rows(run.id)[1]
    batch = services.forget_runs(1)
    assert retention.BATCH <= batch["events"] < retention.BATCH + per_run
    long_one = copy(run, timedelta(days=60))
    set_run(long_one, f"last_seq = {retention.BATCH * 3}")
    assert services.forget_runs(1)["executions"] == 1


def test_what_is_left_is_for_the_next_time() -> None:
    run = finished()
    copies(run, 500, EXPIRED)
    some = services.forget_runs(1)["executions"]
    assert 0 < some < 500
    assert services.forget_runs(MANY)["executions"] == 500 - some
    assert left() == {run.id}


def test_a_history_may_go_before_its_run(settings: LazySettings) -> None:
    settings.KEEP_EXECUTIONS_DAYS = 60
    run = finished()
    events = rows(run.id)[1]
    bare, kept = copies(run, 300, EXPIRED)[0], copy(run, KEPT)
    gone = copy(run, timedelta(days=61))
    opened = copy(started(factories.make_tenant(), document(step("a"))), timedelta(days=45))
    assert services.forget_runs(MANY) == {"executions": 1, "steps": 2, "events": events * 301}
    assert rows(bare) == (2, 0)
    assert rows(kept) == (2, events)
    assert rows(opened) == (0, 1)
    assert gone not in left()


def test_many_at_once_delete_each_run_once() -> None:
    run = finished()
    copies(run, 900, EXPIRED)
    gone = in_threads(4, lambda _: services.forget_runs(MANY))
    services.forget_runs(MANY)  # what one copy had locked when another came by, and then left
    assert sum(counts["executions"] for counts in gone) == 900
    assert left() == {run.id}


def sessions() -> int:
    """How many connections of the product the database has."""
    with servers.superuser(environment.DATABASE) as other:
        found = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = %s",
            [environment.DATABASE, environment.APP],
        )
        return len(found.fetchall())


def test_one_that_is_killed_leaves_nothing_half_deleted() -> None:
    run = finished()
    whole = rows(run.id)
    copies(run, 3_000, EXPIRED)
    before = sessions()
    process = subprocess.Popen([sys.executable, "manage.py", "retain"], cwd=home.PROJECT)
    try:
        while process.poll() is None and len(left()) == 3_001:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait()
    while sessions() > before:  # Postgres is still at the statement of who was killed
        time.sleep(0.01)
    rest = left() - {run.id}
    with scope.operator("a test looks for halves"):
        owners = set(StepRun.objects.values_list("execution_id", flat=True))
        owners |= set(Event.objects.values_list("execution_id", flat=True))
    assert owners == rest | {run.id}
    assert all(rows(execution_id) == whole for execution_id in list(rest)[:20])
    assert services.forget_runs(MANY)["executions"] == len(rest)


def test_a_run_under_lock_is_left_for_the_next_time() -> None:
    run = finished()
    held, _free = copies(run, 2, EXPIRED)
    with servers.superuser(environment.DATABASE) as other, other.transaction():
        other.execute("SELECT FROM executions_execution WHERE id = %s FOR UPDATE", [held])
        assert services.forget_runs(MANY)["executions"] == 1
    assert left() == {run.id, held}
    assert services.forget_runs(MANY)["executions"] == 1


def test_runs_of_all_tenants_go() -> None:
    one, other = finished(), finished()
    copy(one, EXPIRED), copy(other, EXPIRED)
    assert services.forget_runs(MANY)["executions"] == 2
    assert left() == {one.id, other.id}
