"""Leases: who gets which step, and that everybody gets another one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from executions import services, transitions
from executions.models import Execution, StepRun
from executions.runs import Claim
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    REFUSED,
    claimed,
    finish,
    fresh,
    hurry,
    in_threads,
    kinds,
    new_worker,
    started,
    step_run,
)
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

WIDE = document(*(step(f"s{n}") for n in range(10)))


def postpone(execution: Execution, hours: int = 1) -> None:
    """A queued run is not due for some hours."""
    with scope.tenant(execution.tenant_id):
        due_at = Now() + timedelta(hours=hours)
        Execution.objects.filter(id=execution.id).update(due_at=due_at)


def claim_once(worker_id: UUID, _: int) -> Claim | None:
    return services.claim(worker_id)


def test_nothing_to_do_is_nothing_claimed() -> None:
    assert services.claim(new_worker()) is None


def test_a_claim_is_a_lease() -> None:
    execution = started(factories.make_tenant(), document(step("a", timeout=4)))
    worker_id = new_worker()
    claim = claimed(worker_id)
    assert (claim.key, claim.fence, claim.attempt) == ("a", 1, 1)
    row = step_run(execution, "a")
    assert (row.status, row.worker_id, row.fence, row.claims, row.attempt) == (
        *("running", worker_id, 1, 1, 1),
    )
    assert row.lease_until is not None
    assert row.started_at is not None
    length = row.lease_until - row.started_at
    assert length == timedelta(seconds=4 + settings.LEASE_MARGIN_SECONDS)
    assert fresh(execution).status == "running"
    assert kinds(execution)[-2:] == ["execution.running", "step.started"]
    assert services.claim(worker_id) is None
    invariants.check(execution.id)


def test_the_time_limit_begins_with_the_first_claim() -> None:
    execution = started(factories.make_tenant(), document(step("a"), limits={"timeout": 60}))
    assert execution.deadline_at is None
    claimed(new_worker())
    run = fresh(execution)
    assert run.deadline_at is not None
    assert run.active_since is not None
    assert run.deadline_at - run.active_since == timedelta(seconds=60)


def test_no_run_begins_before_it_is_due() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    postpone(execution)
    assert services.claim(new_worker()) is None
    postpone(execution, hours=-1)
    assert claimed(new_worker()).key == "a"


def test_no_step_is_claimed_before_it_is_due() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http")))
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, REFUSED)
    with scope.tenant(execution.tenant_id):
        StepRun.objects.update(due_at=Now() + timedelta(hours=1))
    assert services.claim(worker_id) is None
    hurry(execution)
    assert claimed(worker_id).key == "a"


def test_another_try_gets_a_new_fence() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    claimed(new_worker())
    with scope.tenant(execution.tenant_id):
        StepRun.objects.update(status="retrying", due_at=Now(), lease_until=None, worker=None)
    again = claimed(new_worker())
    assert (again.fence, again.attempt) == (2, 2)
    assert step_run(execution, "a").claims == 2


def test_the_tenant_with_the_fewest_running_steps_comes_first() -> None:
    noisy, quiet = factories.make_tenant(), factories.make_tenant()
    started(noisy, WIDE)
    worker_id = new_worker()
    first = [claimed(worker_id) for _ in range(3)]
    started(quiet, document(step("a"), step("b")))
    next_two = [claimed(worker_id).run.tenant_id for _ in range(2)]
    assert {claim.run.tenant_id for claim in first} == {noisy.id}
    assert next_two == [quiet.id, quiet.id]
    assert claimed(worker_id).run.tenant_id == noisy.id


def test_two_busy_tenants_share() -> None:
    tenants = [factories.make_tenant(), factories.make_tenant()]
    for tenant in tenants:
        started(tenant, WIDE)
    worker_id = new_worker()
    taken = Counter(claimed(worker_id).run.tenant_id for _ in range(10))
    assert taken == {tenants[0].id: 5, tenants[1].id: 5}


def test_tenants_whose_steps_are_not_due_do_not_hide_one_with_work() -> None:
    for _ in range(6):
        postpone(started(factories.make_tenant(), document(step("a"))))
    busy = factories.make_tenant()
    started(busy, WIDE)
    worker_id = new_worker()
    taken = [claimed(worker_id).run.tenant_id for _ in range(10)]
    assert taken == [busy.id] * 10


def test_the_oldest_run_of_a_tenant_begins_first() -> None:
    tenant = factories.make_tenant()
    runs = [started(tenant, document(step("a"))) for _ in range(3)]
    postpone(runs[0], hours=-1)
    postpone(runs[2], hours=-2)
    order = [claimed(new_worker()).run.execution_id for _ in runs]
    assert order == [runs[2].id, runs[0].id, runs[1].id]


def test_the_steps_of_what_is_begun_come_before_another_run() -> None:
    tenant = factories.make_tenant()
    begun = started(tenant, document(step("a"), step("b")))
    claimed(new_worker())
    postpone(started(tenant, document(step("a"))), hours=-1)
    assert claimed(new_worker()).run.execution_id == begun.id


def test_ten_threads_take_ten_branches_of_one_run_and_pass_none_over() -> None:
    tenant = factories.make_tenant()
    for _ in range(10):
        execution = started(tenant, WIDE)
        worker_id = new_worker()
        claims = in_threads(10, partial(claim_once, worker_id))
        keys = [claim.key for claim in claims if claim is not None]
        assert sorted(keys) == sorted(f"s{n}" for n in range(10))
        invariants.check(execution.id)
        with scope.tenant(tenant.id):
            services.cancel(tenant.id, execution.id, "Enough.")


def test_threads_of_many_tenants_claim_each_step_once() -> None:
    runs = [started(factories.make_tenant(), WIDE) for _ in range(4)]
    worker_id = new_worker()

    def take(_: int) -> list[Claim]:
        return list(iter(lambda: services.claim(worker_id), None))

    claims = [claim for some in in_threads(8, take) for claim in some]
    steps = [(claim.run.execution_id, claim.key) for claim in claims]
    assert len(steps) == len(set(steps)) == 40
    for execution in runs:
        invariants.check(execution.id)


def test_a_run_that_another_worker_holds_is_passed_over_for_one_that_is_free() -> None:
    tenant = factories.make_tenant()
    held, free = started(tenant, document(step("a"))), started(tenant, document(step("a")))

    def claim_elsewhere() -> UUID:
        [claim] = in_threads(1, lambda _: claimed(new_worker()))
        return claim.run.execution_id

    with scope.prepared_transaction() as db:
        db.enter_tenant(tenant.id)
        assert transitions.lock(db, held.id)
        assert claim_elsewhere() == free.id
    assert claim_elsewhere() == held.id


def test_a_claim_leaves_no_scope_behind() -> None:
    started(factories.make_tenant(), document(step("a")))
    claimed(new_worker())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('app.current_tenant_id', true)")
        assert cursor.fetchone() in [("stepwell_app", ""), ("stepwell_app", None)]
