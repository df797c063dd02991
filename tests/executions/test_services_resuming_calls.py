"""Running again what calls out: what may be repeated, and under which key."""

from __future__ import annotations

import pytest

from executions import services, worker
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    POST,
    WRONG,
    claimed,
    drained,
    finish,
    fresh,
    let_time_pass,
    new_worker,
    started,
    statuses,
)
from tests.executions.families import children, for_each, sub_workflow
from tests.executions.resuming import preview, refusal, replay, resume
from tests.executions.test_services_cancelling import cancel
from tests.executions.test_services_resolving import resolve
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

# --- Calls that may have been made -------------------------------------------------------------


def test_a_call_of_which_nobody_knows_must_be_named_to_be_made_again() -> None:
    execution = started(factories.make_tenant(), document(step("call", kind="http", config=POST)))
    worker_id = new_worker()
    assert services.mark_sending(claimed(worker_id), {})
    cancel(execution)
    refused = refusal(execution)
    assert (refused.status, refused.code) == (409, "uncertain")
    assert [error["step"] for error in refused.errors] == ["call"]
    assert [one.uncertain for one in preview(execution).runs] == [True]
    again = resume(execution, repeat=frozenset({"call"}))
    assert claimed(worker_id).run.execution_id == again.id


def test_a_call_that_somebody_said_to_skip_is_not_made_by_resuming() -> None:
    made = document(
        step("call", kind="http", config=POST),
        step("pause", kind="delay"),
        step("wrong", "pause", kind="fail"),
    )
    execution = started(factories.make_tenant(), made)
    claim = claimed(worker_id := new_worker())
    assert services.mark_sending(claim, {})
    finish(claim, worker_id, BROKEN_OFF, repeatable=False)
    resolve(execution, "skip")
    drained(execution)
    let_time_pass(execution, "pause")
    assert drained(execution).status == "failed"
    again = resume(execution)
    assert statuses(again)["call"] == "skipped"
    assert "call" not in [one.key for one in preview(execution).runs]
    drained(again)
    invariants.check_ended(again.id)


def test_the_keys_of_calls_stay_through_every_resume() -> None:
    execution = started(
        factories.make_tenant(), document(step("a"), step("call", "a", kind="http", config=POST))
    )
    worker_id = new_worker()
    keys = []
    for _ in range(3):
        claim = claimed(worker_id)
        if claim.key == "a":
            following = finish(claim, worker_id)
            assert following is not None
            claim = following
        keys.append(claim.run.idempotency_key("call"))
        finish(claim, worker_id, WRONG)
        execution = resume(execution)
    assert set(keys) == {keys[0]}


def test_a_replay_makes_its_calls_anew() -> None:
    execution = started(factories.make_tenant(), document(step("call", kind="http", config=POST)))
    worker_id = new_worker()
    first = claimed(worker_id)
    finish(first, worker_id)
    replay(execution)
    second = claimed(worker_id)
    assert first.run.idempotency_key("call") != second.run.idempotency_key("call")


# --- Steps with runs of their own --------------------------------------------------------------


def test_a_for_each_that_failed_does_all_its_items_again_with_their_keys() -> None:
    each = for_each("each", [1, 2], step("post", kind="http"))
    execution = started(factories.make_tenant(), document(each))
    keys: list[set[str]] = []
    for result in (WRONG, Done("ok")):
        worker_id, found = new_worker(), set()
        worker._step(claimed(worker_id), worker_id, worker.Watch())
        for claim in [claimed(worker_id), claimed(worker_id)]:
            found.add(claim.run.idempotency_key("post"))
            finish(claim, None, result)
        keys.append(found)
        invariants.check_family(execution.id)
        if result is WRONG:
            execution = resume(execution)
    assert keys[0] == keys[1]
    assert fresh(execution).status == "succeeded"


def test_a_workflow_that_failed_is_started_again_with_its_keys() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(step("post", kind="http")), slug="child")
    execution = started(tenant, document(sub_workflow("sub", "child")))
    worker_id, keys = new_worker(), []
    for result in (WRONG, Done("ok")):
        worker._step(claimed(worker_id), worker_id, worker.Watch())
        claim = claimed(worker_id)
        keys.append(claim.run.idempotency_key("post"))
        finish(claim, None, result)
        if result is WRONG:
            execution = resume(execution)
    assert keys[0] == keys[1]
    assert fresh(execution).status == "succeeded"
    invariants.check_family(execution.id)


def test_an_item_is_resumed_by_the_run_around_it() -> None:
    execution = drained(
        started(factories.make_tenant(), document(for_each("each", [1], step("no", kind="fail"))))
    )
    [item] = children(execution)
    assert refusal(item).code == "item"
    with pytest.raises(Problem):
        replay(item)


def test_an_unknown_call_that_its_run_left_open_is_uncertain() -> None:
    execution = started(
        factories.make_tenant(), document(step("call", kind="http", config=POST), step("b"))
    )
    worker_id = new_worker()
    call, b = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)[::-1]
    assert services.mark_sending(call, {})
    finish(call, None, BROKEN_OFF, repeatable=False)
    finish(b, None, WRONG)
    assert statuses(execution) == {"call": "cancelled", "b": "failed"}
    assert refusal(execution).code == "uncertain"
