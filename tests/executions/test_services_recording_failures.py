"""What becomes of a run whose step failed."""

from __future__ import annotations

import pytest

from executions import services
from executions.runs import Claim, Skip
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    POST,
    REFUSED,
    WRONG,
    claimed,
    events,
    finish,
    fresh,
    hurry,
    in_threads,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.workflows.definitions import document, step
from workflows.steps.base import Done, Failed

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_failure_worth_another_try_is_tried_again() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http")))
    worker_id = new_worker()
    assert finish(claimed(worker_id), worker_id, REFUSED) is None
    row = step_run(execution, "a")
    assert row.status == "retrying"
    assert row.due_at is not None
    assert row.error == {"kind": "connect", "message": REFUSED.error.message}
    assert row.attempts[0]["why"]
    assert fresh(execution).status == "waiting"
    invariants.check(execution.id)
    hurry(execution)
    again = claimed(worker_id)
    assert (again.attempt, again.fence) == (2, 2)
    assert fresh(execution).status == "running"
    finish(again, worker_id)
    assert [attempt["status"] for attempt in step_run(execution, "a").attempts] == [
        *("retrying", "succeeded"),
    ]
    assert invariants.check_ended(execution.id) == "succeeded"


def test_when_no_tries_are_left_the_run_fails_with_the_error() -> None:
    patience = {"attempts": 3, "delay": 0}
    execution = started(
        factories.make_tenant(), document(step("a", kind="http", retry=patience), step("b", "a"))
    )
    worker_id = new_worker()
    for _ in range(3):
        hurry(execution)
        finish(claimed(worker_id), worker_id, REFUSED)
    assert statuses(execution) == {"a": "failed", "b": "cancelled"}
    facts = {"kind": "connect", "message": REFUSED.error.message}
    assert fresh(execution).error == {"step": "a", **facts}
    assert [attempt["attempt"] for attempt in step_run(execution, "a").attempts] == [1, 2, 3]
    assert invariants.check_ended(execution.id) == "failed"


def test_time_spent_waiting_for_another_try_does_not_count() -> None:
    execution = started(factories.make_tenant(), document(step("a", kind="http")))
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, REFUSED)
    waiting = fresh(execution)
    assert (waiting.deadline_at, waiting.active_since) == (None, None)
    used = waiting.active_seconds
    hurry(execution)
    again = claimed(worker_id)
    running = fresh(execution)
    assert running.deadline_at is not None
    assert running.active_since is not None
    left = (running.deadline_at - running.active_since).total_seconds()
    assert left == pytest.approx(300 - used, abs=0.001)
    finish(again, worker_id)
    invariants.check_ended(execution.id)


def test_a_write_whose_answer_is_not_known_waits_for_a_person() -> None:
    definition = document(step("a", kind="http", config=POST), step("b", "a"))
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, BROKEN_OFF, repeatable=False)
    assert statuses(execution) == {"a": "unknown"}
    assert fresh(execution).status == "waiting"
    assert services.claim(worker_id) is None
    assert events(execution)[-2].level == "error"
    invariants.check(execution.id)


@pytest.mark.parametrize(
    ("more", "status"),
    [({"on_unknown": "fail"}, "failed"), ({"on_unknown": "retry"}, "retrying")],
)
def test_the_definition_may_decide_about_unknown_answers(
    more: dict[str, object], status: str
) -> None:
    execution = started(
        factories.make_tenant(), document(step("a", kind="http", config=POST, **more))
    )
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, BROKEN_OFF, repeatable=False)
    assert statuses(execution) == {"a": status}
    invariants.check(execution.id)


def test_a_failure_that_is_handled_does_not_fail_the_run() -> None:
    definition = document(step("a"), step("repair", "a.failure"), step("b", "a"))
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    repair = finish(claimed(worker_id), worker_id, WRONG)
    assert repair is not None
    finish(repair, worker_id)
    assert statuses(execution) == {"a": "failed", "repair": "succeeded", "b": "skipped"}
    assert invariants.check_ended(execution.id) == "succeeded"


@pytest.mark.parametrize(
    ("result", "repeatable", "status"),
    [
        (Done(), True, "succeeded"),
        (WRONG, True, "failed"),
        (REFUSED, True, "cancelled"),
        (BROKEN_OFF, False, "cancelled"),
        (Skip(), True, "skipped"),
    ],
)
def test_a_step_in_hand_when_the_run_fails_is_recorded_and_nothing_follows(
    result: Done | Failed | Skip, repeatable: bool, status: str
) -> None:
    definition = document(step("a"), step("b", kind="http"), step("c", "b"), step("d", "a"))
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    a, b = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    assert finish(a, worker_id, WRONG) is None
    assert fresh(execution).status == "running"
    invariants.check(execution.id)
    assert finish(b, worker_id, result, repeatable=repeatable) is None
    assert statuses(execution) == {"a": "failed", "b": status, "c": "cancelled", "d": "cancelled"}
    assert services.claim(worker_id) is None
    assert invariants.check_ended(execution.id) == "failed"


def test_ten_branches_that_fail_at_once_end_the_run_once() -> None:
    branches = [f"s{n}" for n in range(10)]
    execution = started(factories.make_tenant(), document(*map(step, branches)))
    worker_id = new_worker()
    claims = [claimed(worker_id) for _ in branches]

    def end(number: int) -> Claim | None:
        return finish(claims[number], worker_id, WRONG if number % 2 else Done())

    assert in_threads(10, end) == [None] * 10
    assert invariants.check_ended(execution.id) == "failed"
