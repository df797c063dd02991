"""Leases on several steps in one transaction, for the threads of one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from django.conf import LazySettings

from executions import services, worker
from executions.runs import Claim
from tenants import scope
from tenants.models import TenantLimits
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    fresh,
    in_threads,
    let_time_pass,
    new_worker,
    started,
    statuses,
)
from tests.executions.resuming import resume
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

ONE = document(step("a"))
WIDE = document(*(step(f"s{n}") for n in range(10)))


@pytest.mark.parametrize(
    ("ready", "most", "taken"), [(0, 4, 0), (1, 4, 1), (2, 4, 1), (5, 4, 3), (9, 4, 4), (9, 1, 1)]
)
def test_half_of_what_is_ready_is_left_to_others(ready: int, most: int, taken: int) -> None:
    tenant = factories.make_tenant()
    runs = [started(tenant, ONE) for _ in range(ready)]
    claims = services.claim_several(new_worker(), most=most)
    assert [claim.run.execution_id for claim in claims] == [run.id for run in runs[:taken]]
    assert all(claim.more is (ready > taken) for claim in claims)
    for run in runs:
        invariants.check(run.id)


def test_tenants_take_turns_within_one_claim() -> None:
    tenants = [factories.make_tenant(), factories.make_tenant()]
    for tenant in tenants:
        for _ in range(6):
            started(tenant, ONE)
    claims = services.claim_several(new_worker(), most=4)
    assert Counter(claim.run.tenant_id for claim in claims) == {one.id: 2 for one in tenants}


def test_a_tenant_with_more_that_runs_waits_for_its_turn() -> None:
    busy, quiet = factories.make_tenant(), factories.make_tenant()
    for _ in range(8):
        started(busy, ONE)
    services.claim_several(new_worker(), most=3)
    for _ in range(8):
        started(quiet, ONE)
    claims = services.claim_several(new_worker(), most=4)
    assert Counter(claim.run.tenant_id for claim in claims)[quiet.id] >= 3


def test_no_tenant_begins_more_runs_than_it_may(settings: LazySettings) -> None:
    settings.MAX_RUNNING_EXECUTIONS = 3
    tenant = factories.make_tenant()
    for _ in range(20):
        started(tenant, ONE)
    begun = [len(services.claim_several(new_worker(), most=2)) for _ in range(4)]
    assert begun == [2, 1, 0, 0]


@pytest.mark.parametrize(
    ("everybodys", "own", "begun"),
    [
        (3, 1, [1, 0]),
        (1, 5, [2, 2, 1, 0]),
        (1, 0, [2, 2, 2]),
        (3, None, [2, 1, 0]),
        (0, None, [2, 2]),
    ],
)
def test_a_tenant_s_own_limit_of_runs_counts_if_it_has_one(
    settings: LazySettings, everybodys: int, own: int | None, begun: list[int]
) -> None:
    """0 is no limit, of the deployment's as of a tenant's own."""
    settings.MAX_RUNNING_EXECUTIONS = everybodys
    tenant, other = factories.make_tenant(), factories.make_tenant()
    for limited, most in ((tenant, own), (other, 9)):
        with scope.tenant(limited.id):
            TenantLimits.objects.create(tenant=limited, running_executions=most)
    for _ in range(20):
        started(tenant, ONE)
    assert [len(services.claim_several(new_worker(), most=2)) for _ in begun] == begun


def test_steps_of_one_run_are_claimed_together_and_each_once() -> None:
    execution = started(factories.make_tenant(), WIDE)
    worker_id = new_worker()
    claims = services.claim_several(worker_id, most=4)  # begins the run
    claims += services.claim_several(worker_id, most=4)
    claims += services.claim_several(worker_id, most=4)
    keys = [claim.key for claim in claims]
    assert len(keys) == len(set(keys)) == 1 + 4 + 3
    invariants.check(execution.id)


def test_a_resumed_run_a_step_and_a_new_run_come_in_one_claim() -> None:
    tenant = factories.make_tenant()
    failing = document(step("a", kind="fail", config={"message": "No."}))
    failed = started(tenant, failing)
    worker.drain(new_worker())
    assert fresh(failed).status == "failed"
    waiting = started(tenant, document(step("w", kind="delay", config={"seconds": 60})))
    worker.drain(new_worker())
    resume(failed)
    let_time_pass(waiting, "w")
    for _ in range(4):
        started(tenant, ONE)
    claims = services.claim_several(new_worker(), most=3)
    assert [claim.key for claim in claims] == ["w", "a", "a"]
    assert [claim.run.kind for claim in claims][1] == "resume"


def test_threads_that_claim_several_at_once_get_each_step_once() -> None:
    runs = [started(factories.make_tenant(), WIDE) for _ in range(4)]
    worker_id = new_worker()

    def take(_: int) -> list[Claim]:
        taken: list[Claim] = []
        while claims := services.claim_several(worker_id, most=4):
            taken += claims
        return taken

    claims = [claim for some in in_threads(8, take) for claim in some]
    steps = [(claim.run.execution_id, claim.key) for claim in claims]
    assert len(steps) == len(set(steps)) == 40
    for execution in runs:
        invariants.check(execution.id)


class Sharing(worker.Watch):
    """Others of the process are free for three steps, and take what `takes` says."""

    def __init__(self, takes: Callable[[], bool]) -> None:
        self.takes = takes
        self.given: list[Claim] = []

    def claiming(self) -> int:
        return 3

    def share(self, claims: Sequence[Claim], kept_free: int) -> Sequence[Claim]:
        if not self.takes():
            return claims
        self.given += claims
        return []


def test_what_no_other_thread_takes_the_thread_runs_itself() -> None:
    tenant = factories.make_tenant()
    runs = [started(tenant, ONE) for _ in range(10)]
    watch = Sharing(lambda: False)
    worker.drain(new_worker(), watch)
    assert watch.given == []
    assert [fresh(run).status for run in runs] == ["succeeded"] * 10


def test_what_another_thread_takes_is_not_run_twice() -> None:
    tenant = factories.make_tenant()
    runs = [started(tenant, ONE) for _ in range(10)]
    watch, worker_id = Sharing(lambda: True), new_worker()
    worker.drain(worker_id, watch)
    given = {claim.run.execution_id for claim in watch.given}
    assert {run.id for run in runs if statuses(run) == {"a": "running"}} == given
    for claim in watch.given:
        worker.drain(worker_id, claim=claim)
    for run in runs:
        assert invariants.check_ended(run.id) == "succeeded"
