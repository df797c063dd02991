"""Each invariant finds the breach that it is for, in the right words, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from executions import services
from executions.invariants import violations
from executions.invariants.named import BEGUN_EARLY, INVARIANTS, UNBEGUN, UNCLAIMED
from executions.models import Execution, StepRun
from tenants import scope
from tests import environment, factories, servers
from tests.executions.driving import (
    BROKEN_OFF,
    POST,
    REFUSED,
    WRONG,
    claimed,
    drained,
    finish,
    new_worker,
    started,
)
from tests.executions.past import copies
from tests.executions.planting import (
    RUN,
    STEP,
    make,
    plant,
    rounded,
)
from tests.executions.plants import PLANTS, Plant
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize("planted", PLANTS, ids=lambda planted: planted.name)
def test_a_breach_is_found_by_its_invariant_alone(planted: Plant) -> None:
    run = make(planted.run)
    assert violations() == []
    plant(run.id, *planted.statements)
    found = violations()
    assert {(each.name, each.number) for each in found} == {(planted.name, planted.number)}
    [breach] = found[:1]
    assert rounded(breach.message).startswith(planted.message)
    assert breach.step == planted.step
    assert breach.execution_id == run.id
    assert breach.repair == planted.repair
    everywhere = violations(everything=True)
    assert [(each.name, each.step) for each in everywhere] == [
        (each.name, each.step) for each in found
    ]


def test_every_invariant_has_a_plant() -> None:
    every = (*INVARIANTS, UNCLAIMED, UNBEGUN, BEGUN_EARLY)
    assert {each.name for each in PLANTS} == {each.name for each in every}


def test_a_queue_that_moves_is_not_taken_for_one_that_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker_id = new_worker()
    for run in (make("queued"), make("queued")):
        plant(run.id, RUN.format("due_at = now() - interval '2 minutes'"))

    def work(pause: float) -> None:
        if pause:
            finish(claimed(worker_id), None)

    monkeypatch.setattr("executions.invariants.looking.time.sleep", work)
    assert violations() == []


@pytest.fixture
def unguarded() -> Iterator[None]:
    def switch(how: str) -> None:
        with servers.superuser(environment.DATABASE) as owner:
            owner.execute(f"ALTER TABLE executions_event {how} ROW LEVEL SECURITY".encode())

    switch("DISABLE")
    yield
    switch("ENABLE")


@pytest.mark.usefixtures("unguarded")
def test_a_table_that_does_not_keep_tenants_apart_is_found() -> None:
    found = violations()
    assert {(each.name, each.number) for each in found} == {("isolation", "I7")}
    assert all(each.message.startswith("executions_event: ") for each in found)


def test_a_healthy_database_breaks_nothing() -> None:
    tenant, worker_id = factories.make_tenant(), new_worker()
    drained(started(tenant, document(step("a"), step("b", "a"))))
    later = {"delay": 60, "jitter": "none"}  # after this test
    for result in (WRONG, REFUSED, BROKEN_OFF):
        started(tenant, document(step("a", kind="http", config=POST, retry=later)))
        finish(claimed(worker_id), None, result, repeatable=False)
    make("running")
    make("half")
    make("queued")
    with scope.operator("a test looks at what there is"):
        assert set(Execution.objects.values_list("status", flat=True)) == {
            *("queued", "running", "waiting", "succeeded", "failed"),
        }
        assert set(StepRun.objects.values_list("status", flat=True)) == {
            *("queued", "running", "retrying", "unknown", "failed", "succeeded"),
        }
    assert violations() == []
    assert violations(everything=True) == []


def test_what_is_open_is_looked_at_whatever_its_age_and_the_rest_if_it_is_new() -> None:
    run = make("single")
    old = copies(run, 1, timedelta(days=3))[0]
    plant(old, RUN.format("finished_at = NULL"))
    assert violations() == []
    assert [each.execution_id for each in violations(everything=True)] == [old]
    assert [each.execution_id for each in violations(execution_id=old)] == [old]
    assert violations(execution_id=run.id) == []
    older = copies(make("running"), 1, timedelta(days=400))[0]
    plant(older, STEP.format("lease_until = now() - interval '1 day'"))
    assert [each.execution_id for each in violations()] == [older]


def test_a_history_that_retention_took_is_no_gap(settings: Any) -> None:
    settings.KEEP_EXECUTIONS_DAYS = 60
    copies(make("finished"), 3, timedelta(days=31))
    services.forget_runs(10)
    assert violations(everything=True) == []


def test_looking_reads_by_index_and_no_more_than_what_is_new_or_open() -> None:
    copies(make("finished"), 10_000, timedelta(hours=2))
    copies(make("finished"), 20, timedelta())
    with servers.superuser(environment.DATABASE) as owner:
        owner.execute("ANALYZE executions_execution, executions_steprun, executions_event")
    connection.close()  # a session's counts may still hold those of its last second
    with scope.operator("one transaction, so that its reads can be counted"):
        assert violations() == []
        [(scans, fetched)] = scope.prepared().run(
            "SELECT sum(seq_scan), sum(idx_tup_fetch) FROM pg_stat_xact_user_tables "
            "WHERE relname IN ('executions_execution', 'executions_steprun', 'executions_event')"
        )
    assert scans == 0
    assert fetched < 10_000, "less than one row for each old run"
