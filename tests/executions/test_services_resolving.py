"""Calls whose answer is not known: somebody says what became of them."""

from __future__ import annotations

from typing import Any

import pytest

from executions import services
from executions.models import Execution
from executions.services.resolving import Action
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    POST,
    claimed,
    drained,
    events,
    finish,
    fresh,
    in_threads,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.losing import lose
from tests.workflows.definitions import document, step
from workflows.definition import JSON

pytestmark = pytest.mark.usefixtures("committed_db")


def parked(*others: dict[str, Any], output: JSON = None, **more: Any) -> Execution:
    """A run whose first step was sent and never answered."""
    call = step("call", kind="http", config=POST, **more)
    execution = started(factories.make_tenant(), document(call, *others, output=output))
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, BROKEN_OFF, repeatable=False)
    assert statuses(execution)["call"] == "unknown"
    return execution


def resolve(execution: Execution, action: Action, output: JSON = None, key: str = "call") -> None:
    with scope.tenant(execution.tenant_id):
        services.resolve(
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            key=key,
            action=action,
            by="otto",
            output=output,
        )


def test_done_with_this_output() -> None:
    execution = parked(step("next", "call"), output="{{ steps.call.output.body.id }}")
    resolve(execution, "done", {"body": {"id": 7}})
    execution = drained(execution)
    assert (execution.status, execution.output) == ("succeeded", 7)
    assert kinds(execution, "call") == ["step.started", "step.unknown", "step.succeeded"]
    invariants.check_ended(execution.id)


def test_skipped_as_if_its_guard_had_been_false() -> None:
    execution = parked(step("next", "call"), step("other"))
    resolve(execution, "skip")
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"call": "skipped", "next": "skipped", "other": "succeeded"}
    invariants.check_ended(execution.id)


def test_failed_and_who_says_so() -> None:
    execution = parked(step("next", "call"))
    resolve(execution, "fail")
    assert fresh(execution).error == {
        "step": "call",
        "kind": "resolved",
        "message": "otto says that it failed.",
    }
    assert invariants.check_ended(execution.id) == "failed"


def test_failed_means_failed_whatever_may_be_tried_again() -> None:
    execution = parked(retry={"attempts": 5, "delay": 0, "on": ["any"]})
    resolve(execution, "fail")
    assert invariants.check_ended(execution.id) == "failed"


def test_a_failure_that_is_said_takes_the_failure_edge() -> None:
    execution = parked(step("repair", "call.failure"))
    resolve(execution, "fail")
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"call": "failed", "repair": "succeeded"}


def test_sent_again_with_the_same_key() -> None:
    execution = parked(step("next", "call"))
    resolve(execution, "retry")
    assert statuses(execution)["call"] == "queued"
    invariants.check(execution.id)
    worker_id = new_worker()
    again = claimed(worker_id)
    assert (again.key, again.fence) == ("call", 2)
    assert again.run.idempotency_key("call") == f"{execution.id}.call"
    finish(again, None)
    assert drained(execution).status == "succeeded"
    assert "To be sent again, says otto." in [event.message for event in events(execution)]
    invariants.check_ended(execution.id)


def test_a_call_that_is_sent_again_and_again_is_no_poison() -> None:
    """Only workers that were lost in a row count."""
    execution = parked()
    worker_id = new_worker()
    for _ in range(6):
        resolve(execution, "retry")
        finish(claimed(worker_id), worker_id, BROKEN_OFF, repeatable=False)
    resolve(execution, "retry")
    assert step_run(execution, "call").lost == 0
    lose(execution)
    assert statuses(execution) == {"call": "queued"}
    invariants.check(execution.id)


@pytest.mark.parametrize("action", ["retry", "done", "skip", "fail"])
def test_only_what_is_unknown_can_be_resolved(action: Action) -> None:
    execution = started(factories.make_tenant(), document(step("call")))
    for _ in ("queued", "running", "ended"):
        with pytest.raises(Problem) as refused:
            resolve(execution, action)
        assert (refused.value.status, refused.value.code) == (409, "not-unknown")
        drained(execution)
    with pytest.raises(Problem):
        resolve(execution, action, key="no_such_step")


def test_of_two_who_resolve_at_once_one_is_heard() -> None:
    execution = parked(step("pause", kind="delay"))

    def act(number: int) -> bool:
        try:
            resolve(execution, "done", number)
        except Problem as problem:
            assert problem.status == 409  # noqa: PT017 - in a thread of its own
            return False
        return True

    heard = in_threads(4, act)
    assert heard.count(True) == 1
    assert step_run(execution, "call").output == heard.index(True)
    invariants.check(execution.id)
