"""What becomes of steps whose worker is gone, and of runs that are over their time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models.functions import Now

from executions import services, sweeper, transitions
from executions.models import Worker
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    POST,
    REFUSED,
    WRONG,
    claimed,
    drained,
    expire_lease,
    finish,
    fresh,
    hurry,
    in_threads,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.losing import lose, running, silence
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


# --- Who is lost -------------------------------------------------------------------------------


def test_a_worker_that_beats_keeps_its_lease() -> None:
    execution, _, worker_id = running()
    silence(worker_id)
    assert services.beat(worker_id)
    assert services.lost_steps() == []
    sweeper.sweep()
    assert statuses(execution) == {"a": "running"}


def test_a_worker_that_was_forgotten_learns_it_from_its_beat() -> None:
    worker_id = new_worker()
    assert services.beat(worker_id)
    services.unregister(worker_id)
    assert not services.beat(worker_id)


@pytest.mark.parametrize("how", ["silent", "left", "lease"])
def test_a_step_is_lost_with_its_worker_or_its_lease(how: str) -> None:
    execution, claim, worker_id = running()
    match how:
        case "silent":
            silence(worker_id)
        case "left":
            services.unregister(worker_id)
        case "lease":
            expire_lease(claim)
    assert [lost.key for lost in services.lost_steps()] == ["a"]
    sweeper.sweep()
    assert statuses(execution) == {"a": "queued"}
    assert services.lost_steps() == []
    invariants.check(execution.id)


def test_a_worker_that_is_heard_again_before_the_release_keeps_its_step() -> None:
    execution, _, worker_id = running()
    silence(worker_id)
    [lost] = services.lost_steps()
    services.beat(worker_id)
    assert not services.release(lost)
    assert statuses(execution) == {"a": "running"}


def test_workers_long_dead_are_forgotten() -> None:
    dead, alive = new_worker(), new_worker()
    Worker.objects.filter(id=dead).update(seen_at=Now() - timedelta(days=2))
    another = services.register("another")
    assert set(Worker.objects.values_list("id", flat=True)) == {alive, another}


# --- What becomes of a lost step ---------------------------------------------------------------


def test_a_step_that_sent_nothing_runs_again_at_once() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http", config=POST)))
    lose(execution)
    assert statuses(execution) == {"a": "queued"}
    worker_id = new_worker()
    again = claimed(worker_id)
    assert again.fence == 2
    finish(again, worker_id)
    assert [attempt["status"] for attempt in step_run(execution, "a").attempts] == [
        *("queued", "succeeded"),
    ]
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_lost_worker_uses_up_no_try() -> None:
    patience = {"attempts": 2, "delay": 0}
    execution = started(factories.make_tenant(), document(step("a", kind="http", retry=patience)))
    lose(execution)
    lose(execution)
    worker_id = new_worker()
    for status in ("retrying", "failed"):
        hurry(execution)
        finish(claimed(worker_id), worker_id, REFUSED)
        assert statuses(execution) == {"a": status}
    invariants.check_ended(execution.id)


def test_a_write_that_was_sent_is_parked_with_what_was_sent() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http", config=POST)))
    lose(execution, sent=True)
    row = step_run(execution, "a")
    assert row.status == "unknown"
    assert row.input == {"url": "https://x.example/"}
    assert fresh(execution).status == "waiting"
    assert services.claim(new_worker()) is None
    invariants.check(execution.id)


@pytest.mark.parametrize(("decided", "status"), [("retry", "queued"), ("fail", "failed")])
def test_the_definition_decides_about_a_lost_write(decided: str, status: str) -> None:
    parked = step("a", kind="http", config=POST, on_unknown=decided)
    execution = started(factories.make_tenant(), document(parked))
    lose(execution, sent=True)
    assert statuses(execution) == {"a": status}
    invariants.check(execution.id)


def test_a_call_that_is_sent_between_look_and_release_is_not_made_twice() -> None:
    """The worker was only slow: it marks its call while the sweeper is on its way."""
    execution, claim, _ = running()
    expire_lease(claim)
    [lost] = services.lost_steps()
    assert services.mark_sending(claim, {"url": "https://x.example/"})
    assert services.release(lost)
    assert statuses(execution) == {"a": "unknown"}
    invariants.check(execution.id)


def test_a_call_is_not_sent_once_its_lease_was_released() -> None:
    _, claim, worker_id = running()
    services.unregister(worker_id)
    sweeper.sweep()
    assert not services.mark_sending(claim, {})


def test_a_call_waits_to_be_marked_while_its_lease_is_being_released() -> None:
    execution, claim, _ = running()
    expire_lease(claim)
    [lost] = services.lost_steps()

    def act(number: int) -> bool:
        return services.mark_sending(claim, {}) if number else services.release(lost)

    released, marked = in_threads(2, act)
    assert released
    # Either the mark came first, and the call may have been made; or it came too late.
    assert statuses(execution) == {"a": "unknown" if marked else "queued"}
    invariants.check(execution.id)


def test_two_sweepers_release_a_step_once() -> None:
    execution, claim, _ = running()
    expire_lease(claim)
    [lost] = services.lost_steps()
    released = in_threads(6, lambda _: services.release(lost))
    assert released.count(True) == 1
    assert kinds(execution, "a") == ["step.started", "step.queued"]
    invariants.check(execution.id)


def test_a_run_that_a_frozen_worker_holds_does_not_keep_the_sweeper_from_others() -> None:
    execution, claim, _ = running()
    expire_lease(claim)
    [lost] = services.lost_steps()
    with scope.prepared_transaction() as db:
        db.enter_tenant(execution.tenant_id)
        assert transitions.lock(db, execution.id)
        assert in_threads(1, lambda _: services.release(lost)) == [False]
    assert services.release(lost)


def test_a_step_that_kills_its_workers_fails_and_its_siblings_go_on() -> None:
    definition = document(
        step("a", kind="http", config=POST, continue_on_failure=True),
        step("b", "a.always"),
    )
    execution = started(factories.make_tenant(), definition)
    for _ in range(settings.MAX_CLAIMS):
        lose(execution)
    row = step_run(execution, "a")
    assert row.status == "failed"
    assert row.error == {
        "kind": "poison",
        "message": f"Its worker was lost {settings.MAX_CLAIMS} times.",
    }
    assert drained(execution).status == "succeeded"
    invariants.check_ended(execution.id)


def test_tries_that_were_recorded_are_no_losses() -> None:
    patience = {"attempts": 20, "delay": 0}
    execution = started(factories.make_tenant(), document(step("a", kind="http", retry=patience)))
    worker_id = new_worker()
    for _ in range(settings.MAX_CLAIMS + 1):
        finish(claimed(worker_id), worker_id, REFUSED)
        hurry(execution)
    lose(execution)
    assert statuses(execution) == {"a": "queued"}
    invariants.check(execution.id)


def test_a_write_that_was_sent_is_parked_although_its_workers_were_lost_too_often() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http", config=POST)))
    for _ in range(settings.MAX_CLAIMS - 1):
        lose(execution)
    lose(execution, sent=True)
    assert statuses(execution) == {"a": "unknown"}
    invariants.check(execution.id)


def test_a_step_lost_while_its_run_winds_down_is_called_off() -> None:
    definition = document(step("a"), step("b"), step("c", "b"))
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    a, b = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    expire_lease(b)
    [lost] = services.lost_steps()
    finish(a, worker_id, WRONG)
    assert services.release(lost)
    assert statuses(execution) == {"a": "failed", "b": "cancelled", "c": "cancelled"}
    assert invariants.check_ended(execution.id) == "failed"
