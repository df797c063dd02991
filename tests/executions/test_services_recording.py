"""How a try ends: one transaction for the step, the run and what follows."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from executions import services
from executions.models import StepRun
from executions.runs import Claim, Skip
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    events,
    expire_lease,
    finish,
    fresh,
    in_threads,
    kinds,
    new_worker,
    started,
    statuses,
    step_run,
)
from tests.workflows.definitions import document, step
from workflows.steps.base import Done, Error, Failed

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_result_is_kept() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    worker_id = new_worker()
    assert finish(claimed(worker_id), worker_id, Done({"n": 1})) is None
    row = step_run(execution, "a")
    assert (row.status, row.outcome, row.output, row.error) == (
        *("succeeded", "success", {"n": 1}, None),
    )
    assert [attempt["status"] for attempt in row.attempts] == ["succeeded"]
    assert kinds(execution)[-2:] == ["step.succeeded", "execution.succeeded"]
    assert invariants.check_ended(execution.id) == "succeeded"


def test_the_next_step_is_leased_in_the_same_transaction() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    worker_id = new_worker()
    claim = finish(claimed(worker_id), worker_id)
    assert claim is not None
    assert (claim.key, claim.fence, claim.attempt) == ("b", 1, 1)
    row = step_run(execution, "b")
    assert (row.status, row.worker_id, row.fence, row.claims) == ("running", worker_id, 1, 1)
    with scope.tenant(execution.tenant_id):  # the transactions that wrote the two rows
        ids = StepRun.objects.extra(select={"xmin": "xmin::text"}).values_list("xmin", flat=True)
        assert len(set(ids)) == 1
    invariants.check(execution.id)
    assert finish(claim, worker_id) is None
    invariants.check_ended(execution.id)


def test_of_several_steps_that_follow_one_is_leased_and_the_rest_are_queued() -> None:
    fan = document(step("a"), step("b", "a"), step("c", "a"), step("d", "a"))
    execution = started(factories.make_tenant(), fan)
    worker_id = new_worker()
    claim = finish(claimed(worker_id), worker_id)
    assert claim is not None
    assert statuses(execution) == {
        "a": "succeeded",
        "b": "running",
        "c": "queued",
        "d": "queued",
    }
    invariants.check(execution.id)


def test_a_worker_that_leaves_takes_no_next_step() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    assert finish(claimed(new_worker()), None) is None
    assert statuses(execution) == {"a": "succeeded", "b": "queued"}
    invariants.check(execution.id)


def test_the_result_of_a_lost_lease_is_dropped() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    zombie = claimed(new_worker())
    expire_lease(zombie)
    [lost] = services.lost_steps()
    assert services.release(lost)
    heir_id = new_worker()
    heir = claimed(heir_id)
    before = events(execution)
    assert finish(zombie, new_worker(), Done("too late")) is None
    assert [event.seq for event in events(execution)] == [event.seq for event in before]
    assert statuses(execution) == {"a": "running"}
    finish(heir, heir_id, Done("in time"))
    assert step_run(execution, "a").output == "in time"
    invariants.check(execution.id)


def test_a_result_is_recorded_once_however_often_it_comes() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a")))
    worker_id = new_worker()
    claim = claimed(worker_id)
    assert finish(claim, worker_id) is not None
    claim.run.seq = -1  # what a worker does that does not know whether its commit came through
    assert finish(claim, worker_id) is None
    assert kinds(execution, "a").count("step.succeeded") == 1
    assert kinds(execution, "b") == ["step.started"]
    invariants.check(execution.id)


def test_ten_branches_that_end_at_once_fire_the_join_once() -> None:
    branches = [f"s{n}" for n in range(10)]
    definition = document(*map(step, branches), step("join", *branches))
    workflow = factories.make_workflow(factories.make_tenant(), definition)
    worker_id = new_worker()

    def end(claims: list[Claim], number: int) -> Claim | None:
        return finish(claims[number], worker_id)

    for _ in range(50):
        execution = factories.start_execution(workflow)
        claims = [claimed(worker_id) for _ in branches]
        followers = [next_ for next_ in in_threads(10, partial(end, claims)) if next_ is not None]
        assert [claim.key for claim in followers] == ["join"]
        finish(followers[0], worker_id)
        assert invariants.check_ended(execution.id) == "succeeded"


def test_a_first_join_fires_once_when_all_its_branches_end_at_once() -> None:
    branches = [f"s{n}" for n in range(6)]
    definition = document(*map(step, branches), step("join", *branches, join="first"))
    workflow = factories.make_workflow(factories.make_tenant(), definition)
    worker_id = new_worker()

    def end(claims: list[Claim], number: int) -> Claim | None:
        return finish(claims[number], worker_id)

    for _ in range(5):
        execution = factories.start_execution(workflow)
        claims = [claimed(worker_id) for _ in branches]
        followers = [next_ for next_ in in_threads(6, partial(end, claims)) if next_ is not None]
        assert [claim.key for claim in followers] == ["join"]
        finish(followers[0], worker_id)
        assert invariants.check_ended(execution.id) == "succeeded"


def test_a_guard_that_is_false_skips_its_step_and_what_follows_it() -> None:
    execution = started(factories.make_tenant(), document(step("a"), step("b", "a"), step("c")))
    worker_id = new_worker()
    a, c = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    finish(a, worker_id, Skip())
    finish(c, worker_id)
    assert statuses(execution) == {"a": "skipped", "b": "skipped", "c": "succeeded"}
    assert invariants.check_ended(execution.id) == "succeeded"


def test_the_output_is_made_of_the_steps_results() -> None:
    definition = document(
        step("a", kind="transform", config={"value": [1, 2]}),
        step("b", "a.failure"),
        output={
            "list": "{{ steps.a.output }}",
            "skipped": "{{ steps.b.outcome }}",
            "id": "{{ execution.id }}",
            "tenant": "{{ tenant.slug }}",
            "body": "{{ trigger.body.x }}",
        },
    )
    tenant = factories.make_tenant()
    execution = drained(started(tenant, definition, {"x": None}))
    assert execution.output == {
        "list": [1, 2],
        "skipped": None,
        "id": str(execution.id),
        "tenant": tenant.slug,
        "body": None,
    }
    assert invariants.check_ended(execution.id) == "succeeded"


def test_an_output_that_cannot_be_made_fails_the_run_and_says_where() -> None:
    definition = document(step("a"), output={"x": "{{ trigger.body.missing }}"})
    execution = drained(started(factories.make_tenant(), definition, {"present": 1}))
    assert execution.error == {
        "kind": "expression",
        "message": "output.x: trigger.body.missing is undefined; available: present",
    }
    assert invariants.check_ended(execution.id) == "failed"


def test_the_first_unhandled_failure_is_the_runs_error() -> None:
    steps = [
        step(key, kind="fail", config={"message": f"{key} is wrong", "details": {"code": key}})
        for key in ("a", "b")
    ]
    execution = drained(started(factories.make_tenant(), document(*steps)))
    assert execution.error == {"step": "a", "kind": "fail", "message": "a is wrong", "code": "a"}
    invariants.check_ended(execution.id)


def test_a_long_chain_is_one_history_without_gaps() -> None:
    keys = [f"s{n}" for n in range(20)]
    chain = document(step(keys[0]), *(step(key, before) for before, key in pairwise(keys)))
    execution = drained(started(factories.make_tenant(), chain))
    assert invariants.check_ended(execution.id) == "succeeded"
    # Created and running; then each step's start, line and end; and the end of it all.
    assert execution.last_seq == 2 + 3 * len(keys) + 1


def test_an_error_of_the_worker_itself_is_not_shown() -> None:
    execution = started(factories.make_tenant(), document(step("a")))
    worker_id = new_worker()
    finish(claimed(worker_id), worker_id, Failed(Error("internal", "It failed inside.")))
    assert fresh(execution).error == {
        "step": "a",
        "kind": "internal",
        "message": "It failed inside.",
    }
    invariants.check_ended(execution.id)
