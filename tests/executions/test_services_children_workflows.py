"""Runs that a sub_workflow step starts: of other workflows."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from executions import services, worker
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    error_of,
    finish,
    fresh,
    kinds,
    let_time_pass,
    new_worker,
    output_of,
    started,
    statuses,
    step_run,
)
from tests.executions.families import begun_by, children, for_each, results, run_with, sub_workflow
from tests.workflows.definitions import document, step
from workflows.steps.base import StartWorkflow

pytestmark = pytest.mark.usefixtures("committed_db")


def child_workflow(tenant: Tenant, *steps: dict[str, object], **more: object) -> None:
    factories.make_workflow(tenant, document(*steps, **more), slug="child")


ECHO = step("echo", kind="transform", config={"value": "{{ trigger.body.n }}"})


def test_a_step_waits_for_the_workflow_that_it_starts() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, ECHO, output={"n": "{{ steps.echo.output }}"})
    execution = run_with(tenant, sub_workflow("sub", "child", input={"n": 4}), step("after", "sub"))
    [child] = children(execution)
    assert step_run(execution, "sub").output == {"execution_id": str(child.id), "output": {"n": 4}}
    assert (child.trigger_kind, child.depth, child.key_root) == (
        *("sub_workflow", 1, f"{execution.id}.sub"),
    )
    assert kinds(execution, "sub") == ["step.started", "step.waiting", "step.succeeded"]
    assert invariants.check_ended(execution.id) == "succeeded"
    invariants.check_family(execution.id)


def test_a_run_holds_no_worker_and_no_time_while_it_waits_for_another() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("pause", kind="delay"))
    execution = started(tenant, document(sub_workflow("sub", "child")))
    drained(execution)
    assert (fresh(execution).status, execution.deadline_at) == ("waiting", None)
    assert services.claim(new_worker()) is None
    let_time_pass(children(execution)[0], "pause")
    assert drained(execution).status == "succeeded"


def test_a_step_that_does_not_wait_is_done_once_the_other_is_stored() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("wrong", kind="fail"))
    execution = run_with(tenant, sub_workflow("sub", "child", wait=False))
    [child] = begun_by(execution)
    assert step_run(execution, "sub").output == {"execution_id": str(child.id)}
    assert (child.parent_id, child.status) == (None, "failed")
    assert invariants.check_ended(execution.id) == "succeeded"


def test_a_workflow_that_fails_fails_the_step_that_waits_for_it() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("wrong", kind="fail", config={"message": "Out of stock."}))
    execution = run_with(tenant, sub_workflow("sub", "child"))
    [child] = children(execution)
    assert execution.error == {
        "step": "sub",
        "kind": "child",
        "message": f"The execution {child.id} ended failed: Out of stock.",
        "execution_id": str(child.id),
        "status": "failed",
    }
    invariants.check_family(execution.id)


def test_a_workflow_that_is_cancelled_fails_the_step_that_waits_for_it() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("pause", kind="delay"))
    handled = document(sub_workflow("sub", "child"), step("repair", "sub.failure"))
    execution = drained(started(tenant, handled))
    [child] = children(execution)
    with scope.tenant(tenant.id):
        move = services.cancel(tenant.id, child.id, "Cancelled by otto.")
    assert move is not None
    services.after_commit(move)
    assert drained(execution).status == "succeeded"
    assert statuses(execution) == {"sub": "failed", "repair": "succeeded"}
    assert "Cancelled by otto." in str(step_run(execution, "sub").error)
    invariants.check_family(execution.id)


def test_workflows_three_levels_deep() -> None:
    tenant = factories.make_tenant()
    echo = document(ECHO, output="{{ steps.echo.output }}")
    factories.make_workflow(tenant, echo, slug="level-3")
    for level in (2, 1):
        down = sub_workflow("sub", f"level-{level + 1}", input={"n": "{{ trigger.body.n + 1 }}"})
        made = document(down, output="{{ steps.sub.output.output }}")
        factories.make_workflow(tenant, made, slug=f"level-{level}")
    execution = run_with(tenant, sub_workflow("sub", "level-1", input={"n": 1}))
    assert output_of(execution, "sub")["output"] == 3
    [first] = children(execution)
    [second] = children(first)
    [third] = children(second)
    assert (third.depth, third.key_root) == (3, f"{execution.id}.sub.sub.sub")
    invariants.check_family(execution.id)


def test_input_that_the_other_refuses_fails_the_step_and_starts_nothing() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, ECHO, input={"type": "object", "required": ["n"]})
    execution = run_with(tenant, sub_workflow("sub", "child", input={"m": 1}))
    assert execution.error is not None
    assert error_of(execution)["kind"] == "child"
    assert error_of(execution)["message"].startswith("child did not start: ")
    assert children(execution) == []
    invariants.check_family(execution.id)


def test_a_version_is_pinned_when_the_parent_is_published() -> None:
    tenant = factories.make_tenant()
    old = step("old", kind="transform", config={"value": "old"})
    other = factories.make_workflow(
        tenant, document(old, output="{{ steps.old.output }}"), slug="child"
    )
    parent = factories.make_workflow(tenant, document(sub_workflow("sub", "child")))
    new = step("new", kind="transform", config={"value": "new"})
    factories.publish(other, document(new, output="{{ steps.new.output }}"))
    execution = drained(factories.start_execution(parent))
    assert output_of(execution, "sub")["output"] == "old"


def test_a_chain_of_runs_has_an_end(settings: LazySettings) -> None:
    settings.MAX_CHAIN = 0
    tenant = factories.make_tenant()
    child_workflow(tenant, ECHO)
    execution = run_with(tenant, sub_workflow("sub", "child", wait=False))
    assert execution.error is not None
    assert "0 runs led to this one already" in error_of(execution)["message"]


def test_a_sub_workflow_in_a_body() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, ECHO, output="{{ steps.echo.output }}")
    sub = sub_workflow("sub", "child", input={"n": "{{ item }}"})
    execution = run_with(
        tenant, for_each("each", [3, 4], sub, result="{{ steps.sub.output.output }}")
    )
    assert results(execution) == [3, 4]
    roots = [grandchild.key_root for item in children(execution) for grandchild in children(item)]
    assert roots == [f"{execution.id}.sub.0", f"{execution.id}.sub.1"]
    invariants.check_family(execution.id)


def test_a_workflow_takes_the_place_in_the_line_of_the_run_that_starts_it() -> None:
    """What is begun is to end: the child goes before runs that came after its parent."""
    tenant = factories.make_tenant()
    child_workflow(tenant, ECHO)
    execution = started(tenant, document(sub_workflow("sub", "child", input={"n": 1})))
    later = started(tenant, document(step("a")))
    worker_id = new_worker()
    worker._step(claimed(worker_id), worker_id, worker.Watch())
    assert claimed(worker_id).run.execution_id == children(execution)[0].id
    assert claimed(worker_id).run.execution_id == later.id


def test_a_start_that_is_recorded_twice_starts_one_run() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("pause", kind="delay"))
    execution = started(tenant, document(sub_workflow("sub", "child"), step("b")))
    worker_id = new_worker()
    claim = claimed(worker_id)
    finish(claim, worker_id, StartWorkflow("child", {}, wait=True))
    claim.run.seq = -1  # what a worker does that does not know whether its commit came through
    finish(claim, worker_id, StartWorkflow("child", {}, wait=True))
    assert len(children(execution)) == 1
    invariants.check(execution.id)


def test_a_failure_of_the_other_may_be_tried_again() -> None:
    tenant = factories.make_tenant()
    child_workflow(tenant, step("wrong", kind="fail"))
    patience = {"attempts": 2, "delay": 0, "on": ["any"]}
    execution = run_with(tenant, sub_workflow("sub", "child", retry=patience))
    assert len(children(execution)) == 2
    assert isinstance(execution.error, dict)
    assert error_of(execution)["kind"] == "child"
    invariants.check_family(execution.id)
