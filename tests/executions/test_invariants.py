"""Each invariant finds the breach that it is for, in the right words, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from executions import services
from executions.invariants import Repair, violations
from executions.invariants.named import BEGUN_EARLY, INVARIANTS, UNBEGUN, UNCLAIMED
from executions.models import Execution, StepRun
from tenants import scope
from tests import environment, factories, servers
from tests.executions.driving import (
    BROKEN_OFF,
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
    EVENT,
    EXPIRED,
    POST,
    RUN,
    STEP,
    STEP_B,
    TOLD,
    make,
    plant,
    rounded,
)
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

# A step `b` that was queued although nothing let it.
QUEUED_B = """
INSERT INTO executions_steprun (id, tenant_id, execution_id, key, type, status, timeout, attempt,
  claims, fence, due_at, attempts, queued_at)
SELECT uuidv7(), tenant_id, id, 'b', 'log', 'queued', 5, 0, 0, 0, now(), '[]', now()
FROM executions_execution WHERE id = %(run)s
"""
# Another tenant's step in the run: nothing but a key that is gone could have let it in.
FOREIGN = """
INSERT INTO executions_steprun
SELECT other.* FROM executions_steprun s CROSS JOIN LATERAL jsonb_populate_record(s,
  jsonb_build_object('id', uuidv7(), 'tenant_id', uuidv7(), 'key', 'foreign')) AS other
WHERE s.execution_id = %(run)s AND s.key = 'a'
"""
CALLED_OFF = (
    STEP.format("status = 'cancelled', finished_at = now(), lease_until = NULL, worker_id = NULL"),
    TOLD.format("'step.cancelled'", "'a'", "NULL"),
)
PARKED = (
    RUN.format("status = 'waiting', active_since = NULL, deadline_at = NULL"),
    TOLD.format("'execution.waiting'", "NULL", "NULL"),
)
WAITS_FOR_ITEMS = STEP.format(
    "status = 'waiting', lease_until = NULL, worker_id = NULL, wait = '{\"for\": \"items\"}'"
)
ANY_EVENT = "UPDATE executions_event SET {} WHERE execution_id = %(run)s AND kind = {}"
UNENDED = "status = {}, outcome = NULL, finished_at = NULL"


@dataclass(frozen=True)
class Plant:
    """A breach: the run that it is planted in, how, and what is to be said of it."""

    name: str
    number: str
    run: str  # queued, running, one (of one step, running), finished, single (of one step)
    statements: tuple[str, ...]
    message: str
    step: str | None = "a"
    repair: Repair | None = None


IDLE = "and none of its steps is open: nothing will ever move it."
PLANTS = (
    Plant(
        "overdue",
        "I1",
        "running",
        (RUN.format("deadline_at = now() - interval '1 hour'"),),
        "It used up its active time an hour ago and still runs.",
        None,
        Repair.TIME_OUT,
    ),
    Plant("running-idle", "I1", "one", CALLED_OFF, f"It is running {IDLE}", None, Repair.SETTLE),
    Plant(
        "waiting-idle",
        "I1",
        "one",
        (*CALLED_OFF, *PARKED),
        f"It is waiting {IDLE}",
        None,
        Repair.SETTLE,
    ),
    Plant(
        "unclaimed",
        "I1",
        "half",
        (STEP_B.format("due_at = now() - interval '2 minutes'"),),
        "It has been ready for 2 minutes and no worker is at work.",
        "b",
        Repair.WAKE,
    ),
    Plant(
        "unbegun",
        "I1",
        "queued",
        (RUN.format("due_at = now() - interval '2 minutes'"),),
        "It may begin since 2 minutes and no worker is at work.",
        None,
        Repair.WAKE,
    ),
    Plant(
        "not-followed-up",
        "I1",
        "single",
        (RUN.format("follow_up = true, finished_at = now() - interval '1 hour'"),),
        "It ended an hour ago, and other executions that are to know of it do not.",
        None,
        Repair.FOLLOW_UP,
    ),
    Plant(
        "children-unheard",
        "I1",
        "one",
        (WAITS_FOR_ITEMS, TOLD.format("'step.waiting'", "'a'", "NULL"), *PARKED),
        "It waits for items, and none of its runs is open any more.",
    ),
    Plant(
        "ended-twice",
        "I2",
        "half",
        (TOLD.format("'step.succeeded'", "'a'", """'{"outcome": "success"}'"""),),
        "It ended 2 times.",
    ),
    Plant(
        "illegal-move",
        "I2",
        "single",
        (ANY_EVENT.format("kind = 'execution.waiting'", "'execution.running'"),),
        "Its event 2 says that it went from queued to waiting, which is no legal move.",
        None,
    ),
    Plant(
        "history-differs",
        "I2",
        "single",
        (EVENT.format("kind = 'step.failed'", "'step.succeeded'"),),
        "Its row says succeeded, the last move of its history failed.",
    ),
    Plant(
        "run-contradicts",
        "I2",
        "finished",
        (RUN.format("finished_at = NULL"),),
        "Its times, output or error do not fit its status, succeeded.",
        None,
    ),
    Plant(
        "step-contradicts",
        "I2",
        "finished",
        (STEP.format("outcome = NULL"),),
        "Its lease, times, outcome or error do not fit its status, succeeded.",
    ),
    Plant(
        "failure-unhandled",
        "I2",
        "single",
        (
            STEP.format("status = 'failed', outcome = 'failure', error = '{}'"),
            EVENT.format("kind = 'step.failed'", "'step.succeeded'"),
        ),
        "The run succeeded although this step was failed and nothing handles that.",
    ),
    Plant(
        "begun-early",
        "I3",
        "running",
        (QUEUED_B, TOLD.format("'step.queued'", "'b'", "NULL")),
        "It began before its edges let it.",
        "b",
    ),
    Plant(
        "never-settled",
        "I4",
        "finished",
        ("DELETE FROM executions_steprun WHERE execution_id = %(run)s AND key = 'a'",),
        "The run has ended, and whether this step was to run was never decided.",
    ),
    Plant(
        "started-otherwise",
        "I4",
        "finished",
        (STEP.format("claims = 2, fence = 2, attempts = attempts || '[{}]'"),),
        "It was started 1 times on 2 leases.",
    ),
    Plant(
        "tries-unleased",
        "I5",
        "finished",
        (STEP.format("attempts = attempts || '[{}]'"),),
        "It has records of 2 tries on 1 leases.",
    ),
    Plant(
        "after-end",
        "I6",
        "single",
        (TOLD.format("'step.log'", "'a'", "NULL"),),
        "The run had ended, and then came event 7, step.log.",
    ),
    Plant(
        "history-gap",
        "I6",
        "single",
        ("DELETE FROM executions_event WHERE execution_id = %(run)s AND kind = 'step.log'",),
        "Its history has 5 events, and the newest is number 6.",
        None,
    ),
    Plant(
        "claimable-after-end",
        "I6",
        "single",
        (
            STEP.format(UNENDED.format("'queued'") + ", due_at = now()"),
            EVENT.format("kind = 'step.queued'", "'step.succeeded'"),
        ),
        "It is queued, and its run has ended: succeeded.",
    ),
    Plant(
        "waits-after-end",
        "I6",
        "single",
        (
            STEP.format(UNENDED.format("'unknown'")),
            EVENT.format("kind = 'step.unknown'", "'step.succeeded'"),
        ),
        "It is unknown, and its run has ended: succeeded.",
    ),
    Plant(
        "other-tenant",
        "I7",
        "finished",
        (FOREIGN,),
        "It is part of a run of another tenant",
        "foreign",
    ),
    Plant(
        "other-tenants-version",
        "I7",
        "finished",
        ("UPDATE workflows_workflowversion SET tenant_id = uuidv7()",),
        "It runs a version of another tenant",
        None,
    ),
    Plant(
        "lease-over",
        "I8",
        "running",
        (EXPIRED,),
        "Its lease ended an hour ago and it is still running.",
        repair=Repair.RELEASE,
    ),
    Plant(
        "worker-gone",
        "I8",
        "running",
        ("DELETE FROM executions_worker",),
        "It is still running, and its worker ",
        repair=Repair.RELEASE,
    ),
)


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
