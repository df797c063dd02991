"""Running again: from where it failed, from a step, from the start."""

from __future__ import annotations

from typing import Any

import pytest

from executions import services, worker
from executions.models import Execution
from executions.runs import Claim
from executions.services.resuming import Preview
from tenants import scope
from tenants.models import Tenant
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    WRONG,
    claimed,
    drained,
    error_of,
    events,
    finish,
    fresh,
    in_threads,
    kinds,
    let_time_pass,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.executions.families import children, for_each, sub_workflow
from tests.executions.test_services_cancelling import cancel
from tests.executions.test_services_resolving import resolve
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

POST = {"method": "POST", "url": "https://x.example/"}


def resume(execution: Execution, **more: Any) -> Execution:
    with scope.tenant(execution.tenant_id):
        return services.resume(_read(execution), by="otto", **more)


def replay(execution: Execution, **more: Any) -> Execution:
    with scope.tenant(execution.tenant_id):
        return services.replay(_read(execution), by="otto", **more)


def preview(execution: Execution, **more: Any) -> Preview:
    with scope.tenant(execution.tenant_id):
        return services.preview(_read(execution), **more)


def refusal(execution: Execution, **more: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        resume(execution, **more)
    return refused.value


def _read(execution: Execution) -> Execution:
    return Execution.objects.select_related("workflow").get(id=execution.id)


def failed_at_c(tenant: Tenant | None = None) -> Execution:
    """A run of a -> b -> c -> d, and e beside it, that failed at c."""
    made = document(
        step("a", kind="transform", config={"value": "{{ trigger.body }}"}),
        step("b", "a", kind="transform", config={"value": "{{ steps.a.output + 1 }}"}),
        step("c", "b", kind="transform", config={"value": "{{ steps.b.output + 1 }}"}),
        step("d", "c", kind="transform", config={"value": "{{ steps.c.output + 1 }}"}),
        output="{{ steps.d.output }}",
    )
    execution = started(tenant or factories.make_tenant(), made, 1)
    worker_id = new_worker()
    c: Claim | None = claimed(worker_id)
    while c is not None and c.key != "c":
        c = worker._step(c, worker_id, worker.Watch())
    assert c is not None
    finish(c, worker_id, WRONG)
    assert fresh(execution).status == "failed"
    return execution


# --- From the failed steps ---------------------------------------------------------------------


def test_a_failed_run_goes_on_from_its_failed_step() -> None:
    execution = failed_at_c()
    again = resume(execution)
    assert (again.trigger_kind, again.origin_id, again.status) == ("resume", execution.id, "queued")
    assert statuses(again) == {"a": "succeeded", "b": "succeeded"}
    invariants.check(again.id)
    again = drained(again)
    assert (again.status, again.output) == ("succeeded", 4)
    assert kinds(again, "b") == ["step.reused"]
    assert step_run(again, "b").output == 2
    assert events(again)[0].message == "Resumed by otto."
    assert fresh(execution).status == "failed", "the old one stays as it ended"
    invariants.check_ended(again.id)


def test_a_preview_says_what_is_reused_and_what_runs_again_and_why() -> None:
    found = preview(failed_at_c())
    assert found.reused == ("a", "b")
    assert [(one.key, one.why, one.uncertain) for one in found.runs] == [
        ("c", "It failed.", False),
        ("d", "It was cancelled.", False),
    ]
    assert found.gone == ()


def test_resuming_begins_once_however_many_ask_for_work() -> None:
    again = resume(failed_at_c())
    claims = [claim for claim in in_threads(4, lambda _: services.claim(new_worker())) if claim]
    assert [claim.key for claim in claims] == ["c"]
    finish(claims[0], None)
    drained(again)
    invariants.check_ended(again.id)


def test_a_failure_that_was_handled_is_taken_over() -> None:
    made = document(
        step("a", kind="fail"),
        step("repair", "a.failure"),
        step("b", "repair"),
    )
    execution = started(factories.make_tenant(), made)
    worker_id = new_worker()
    repair = worker._step(claimed(worker_id), worker_id, worker.Watch())
    assert repair is not None
    b = finish(repair, worker_id)
    assert b is not None
    finish(b, worker_id, WRONG)
    again = resume(execution)
    assert statuses(again) == {"a": "failed", "repair": "succeeded"}
    assert drained(again).status == "succeeded"
    invariants.check_ended(again.id)


def test_a_step_that_was_skipped_is_decided_anew() -> None:
    made = document(
        step("a"), step("no", "a.failure"), step("join", "a", "no"), step("end", "join")
    )
    execution = started(factories.make_tenant(), made)
    worker_id = new_worker()
    claim = finish(claimed(worker_id), worker_id)
    assert claim is not None
    end = finish(claim, worker_id)
    assert end is not None
    finish(end, worker_id, WRONG)
    again = drained(resume(execution))
    assert statuses(again)["no"] == "skipped"
    assert invariants.check_ended(again.id) == "succeeded"


def test_a_run_whose_output_could_not_be_made_ends_at_once_when_it_is_resumed() -> None:
    made = document(step("a"), output="{{ trigger.body.missing }}")
    execution = drained(started(factories.make_tenant(), made, {"x": 1}))
    again = resume(execution)
    assert services.claim(new_worker()) is None
    assert error_of(again)["kind"] == "expression"
    assert statuses(again) == {"a": "succeeded"}
    assert invariants.check_ended(again.id) == "failed"


def test_a_resumed_run_that_fails_at_once_raises_its_alarm() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, slug="alarm")
    made = document(step("a"), output="{{ trigger.body.missing }}", on_failure="alarm")
    execution = drained(started(tenant, made, {"x": 1}))
    again = resume(execution)
    assert services.claim(new_worker()) is not None, "the alarm's run"
    with scope.tenant(tenant.id):
        kinds_begun = Execution.objects.filter(origin=again).values_list("trigger_kind", flat=True)
        assert list(kinds_begun) == ["failure"]


def test_a_run_can_be_resumed_again_and_again() -> None:
    execution = failed_at_c()
    again = resume(execution)
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, WRONG)
    third = resume(again)
    assert statuses(third) == {"a": "succeeded", "b": "succeeded"}
    assert drained(third).output == 4
    invariants.check_ended(third.id)


# --- From a step -------------------------------------------------------------------------------


def test_from_a_step_all_that_comes_after_it_runs_again() -> None:
    execution = failed_at_c()
    again = resume(execution, step="b")
    assert statuses(again) == {"a": "succeeded"}
    assert drained(again).status == "succeeded"
    assert [(one.key, one.why) for one in preview(execution, step="b").runs] == [
        ("b", "It is the step to resume from."),
        ("c", "It failed."),
        ("d", "It was cancelled."),
    ]


def test_a_run_that_succeeded_can_be_resumed_from_a_step() -> None:
    made = document(step("a"), step("b", "a"), step("c"))
    execution = drained(started(factories.make_tenant(), made))
    assert refusal(execution).code == "succeeded"
    again = resume(execution, step="a")
    assert statuses(again) == {"c": "succeeded"}
    assert [one.why for one in preview(execution, step="a").runs][1] == "It comes after a."
    assert drained(again).status == "succeeded"
    invariants.check_ended(again.id)


def test_a_step_that_is_not_there_is_refused() -> None:
    assert (refused := refusal(failed_at_c(), step="zz")).status == 422
    assert refused.code == "unknown-step"


# --- Another version ---------------------------------------------------------------------------


def test_the_current_version_repairs_the_step_that_failed() -> None:
    tenant = factories.make_tenant()
    first = step("a", kind="transform", config={"value": 1})
    broken = step("b", "a", kind="transform", config={"value": "{{ trigger.body.missing }}"})
    workflow = factories.make_workflow(tenant, document(first, broken, step("old", "b")))
    execution = drained(factories.start_execution(workflow, {}))
    repaired = step("b", "a", kind="transform", config={"value": "{{ steps.a.output }}"})
    factories.publish(workflow, document(first, repaired, step("new", "b")))

    same = preview(execution)
    assert (same.reused, [one.key for one in same.runs], same.gone) == (("a",), ["b", "old"], ())
    current = preview(execution, version="current")
    assert [(one.key, one.why) for one in current.runs] == [
        ("b", "The version has changed it."),
        ("new", "It did not run."),
    ]
    assert (current.reused, current.gone) == (("a",), ("old",))
    assert drained(resume(execution)).status == "failed"
    again = drained(resume(execution, version="current"))
    assert statuses(again) == {"a": "succeeded", "b": "succeeded", "new": "succeeded"}
    with scope.tenant(tenant.id):
        assert again.version_id == _read(execution).workflow.current_id
    invariants.check_ended(again.id)


def test_a_step_that_the_version_has_changed_runs_again_with_all_behind_it() -> None:
    tenant = factories.make_tenant()
    steps = [step("a"), step("b", "a"), step("c", "b", kind="fail")]
    workflow = factories.make_workflow(tenant, document(*steps))
    execution = drained(factories.start_execution(workflow))
    changed = [step("a", config={"message": "changed"}), step("b", "a"), step("c", "b")]
    factories.publish(workflow, document(*changed))
    assert preview(execution, version="current").reused == ()


def test_input_that_the_current_version_no_longer_takes_is_refused() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(tenant, document(step("a", kind="fail")))
    execution = drained(factories.start_execution(workflow, {"m": 1}))
    asks = {"type": "object", "required": ["n"]}
    factories.publish(workflow, document(step("a"), input=asks))
    assert refusal(execution, version="current").status == 422
    with pytest.raises(Problem):
        replay(execution)
    assert drained(replay(execution, version="same")).status == "failed"


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


# --- Refusals, and replay ----------------------------------------------------------------------


def test_what_has_not_ended_cannot_be_resumed() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    assert (refusal(execution).status, refusal(execution).code) == (409, "not-ended")


def test_a_replay_is_the_same_trigger_from_the_start() -> None:
    tenant = factories.make_tenant()
    workflow = factories.make_workflow(
        tenant, document(step("a", kind="transform", config={"value": "{{ trigger.body }}"}))
    )
    execution = drained(factories.start_execution(workflow, {"n": 5}))
    factories.publish(workflow, document(step("b"), output="{{ trigger.body.n }}"))
    again = drained(replay(execution))
    assert (again.output, again.trigger_kind, again.origin_id) == (5, "replay", execution.id)
    assert statuses(again) == {"b": "succeeded"}
    same = drained(replay(execution, version="same"))
    assert statuses(same) == {"a": "succeeded"}
    invariants.check_ended(again.id)


def test_a_delay_puts_the_new_run_later_in_the_line() -> None:
    execution = failed_at_c()
    again = resume(execution, delay=60.0)
    assert services.claim(new_worker()) is None
    assert (again.due_at - again.created_at).total_seconds() == pytest.approx(60, abs=0.001)


def test_a_resumed_run_may_be_cancelled_before_it_begins() -> None:
    again = resume(failed_at_c())
    cancel(again)
    assert statuses(again) == {
        "a": "succeeded",
        "b": "succeeded",
        "c": "cancelled",
        "d": "cancelled",
    }
    assert services.claim(new_worker()) is None
    assert invariants.check_ended(again.id) == "cancelled"


def test_an_unused_result_never_comes_back() -> None:
    """A late result of the old run changes neither of the two."""
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    zombie = claimed(new_worker())
    cancel(execution)
    again = resume(execution)
    finish(zombie, None, Done("late"))
    assert statuses(execution) == {"a": "cancelled", "b": "cancelled"}
    assert drained(again).status == "succeeded"
    invariants.check_ended(again.id)


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
