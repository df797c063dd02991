"""Running again: from where it failed, from a step, from the start."""

from __future__ import annotations

import pytest

from executions import services, worker
from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    WRONG,
    claimed,
    drained,
    error_of,
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
from tests.executions.resuming import failed_at_c, preview, read, refusal, replay, resume
from tests.executions.test_services_cancelling import cancel
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")

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
        assert again.version_id == read(execution).workflow.current_id
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
