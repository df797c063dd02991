"""What the sweeper ends, and what does not keep it from the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import services, sweeper
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    REFUSED,
    claimed,
    drained,
    expire_lease,
    finish,
    fresh,
    in_threads,
    make_unreadable,
    new_worker,
    started,
    statuses,
)
from tests.executions.losing import running
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


# --- Out of time -------------------------------------------------------------------------------


def overrun(execution: Execution) -> None:
    with scope.tenant(execution.tenant_id):
        past = Now() - timedelta(seconds=1)
        Execution.objects.filter(id=execution.id).update(deadline_at=past)


def test_a_run_over_its_time_ends_and_its_steps_are_called_off() -> None:
    definition = document(
        step("a"), step("b", kind="http"), step("c"), step("d", "c"), limits={"timeout": 7}
    )
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    a, b = claimed(worker_id), claimed(worker_id)
    finish(b, worker_id, REFUSED)
    overrun(execution)
    sweeper.sweep()
    assert set(statuses(execution).values()) == {"cancelled"}
    assert fresh(execution).error == {
        "kind": "timed_out",
        "message": "It used up its 7 s of active time.",
    }
    assert finish(a, worker_id) is None, "what was in hand is dropped"
    assert invariants.check_ended(execution.id) == "timed_out"


def test_two_sweepers_end_a_run_once() -> None:
    execution, _, _ = running()
    overrun(execution)
    ended = in_threads(6, lambda _: services.end_overdue(execution.tenant_id, execution.id))
    assert ended.count(True) == 1
    assert invariants.check_ended(execution.id) == "timed_out"


def test_a_run_within_its_time_is_left_alone() -> None:
    execution, _, _ = running()
    assert services.overdue() == []
    assert not services.end_overdue(execution.tenant_id, execution.id)
    assert fresh(execution).status == "running"


def test_a_run_that_waits_uses_up_no_time() -> None:
    execution, claim, worker_id = running()
    finish(claim, worker_id, REFUSED)
    assert services.overdue() == []
    assert fresh(execution).deadline_at is None
    invariants.check(execution.id)


# --- The sweeper -------------------------------------------------------------------------------


def test_a_run_that_cannot_be_mended_does_not_keep_the_sweeper_from_the_others() -> None:
    broken, first, _ = running()
    make_unreadable(broken)
    sound, second, _ = running()
    expire_lease(first)
    expire_lease(second)
    assert [lost.execution_id for lost in services.lost_steps()] == [broken.id, sound.id]
    sweeper.sweep()
    assert statuses(broken) == {"a": "running"}
    assert statuses(sound) == {"a": "queued"}


def test_the_sweeper_says_whether_there_is_work() -> None:
    assert not sweeper.sweep()
    execution = started(factories.make_tenant(), document(step("a")))
    assert sweeper.sweep()
    drained(execution)
    assert not sweeper.sweep()
