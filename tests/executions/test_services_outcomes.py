"""What a waiting caller is told of a run: how it ended, and what its respond step says."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from executions import services
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions.driving import claimed, drained, finish, new_worker, started
from tests.workflows.definitions import document, step
from workflows.steps.base import Done

pytestmark = pytest.mark.usefixtures("committed_db")


IN_BODY = step("r", kind="respond")


def say(text: str) -> dict[str, str]:
    return {"body": text}


def said(execution: Execution) -> Any:
    with scope.tenant(execution.tenant_id):
        found = services.response(execution.id)
    return found and found["body"]


def outcome(execution: Execution) -> Any:
    with scope.tenant(execution.tenant_id):
        return services.outcome(execution.id)


def test_the_outcome_is_known_once_the_run_has_ended() -> None:
    made = step("a", kind="transform", config={"value": 41})
    execution = started(factories.make_tenant(), document(made, output="{{ steps.a.output + 1 }}"))
    assert outcome(execution) is None
    drained(execution)
    assert outcome(execution) == services.Outcome("succeeded", 42)


def test_another_tenants_outcome_and_response_are_not_there() -> None:
    execution = drained(
        started(factories.make_tenant(), document(step("r", kind="respond", config=say("x"))))
    )
    with scope.tenant(factories.make_tenant().id):
        assert services.outcome(execution.id) is None
        assert services.response(execution.id) is None


def test_a_run_that_is_not_there_says_nothing() -> None:
    with scope.tenant(factories.make_tenant().id):
        assert services.response(uuid4()) is None


def test_the_response_is_there_before_the_run_has_ended() -> None:
    execution = started(
        factories.make_tenant(),
        document(step("r", kind="respond", config=say("x")), step("b", "r")),
    )
    worker_id = new_worker()
    assert said(execution) is None
    after = finish(claimed(worker_id), worker_id, Done({"status": 200, "headers": {}, "body": "x"}))
    assert after is not None
    assert after.key == "b"
    assert (said(execution), outcome(execution)) == ("x", None)


def test_the_first_of_two_that_ran_is_the_response() -> None:
    both = document(
        step("first", kind="respond", config=say("first")),
        step("second", "first", kind="respond", config=say("second")),
    )
    assert said(drained(started(factories.make_tenant(), both))) == "first"


def test_a_skipped_or_failed_one_says_nothing() -> None:
    steps = document(
        step("skipped", kind="respond", config=say("x"), when="{{ false }}"),
        step(
            "failed",
            kind="respond",
            config={"status": "{{ 100 }}"},
            continue_on_failure=True,
        ),
    )
    assert said(drained(started(factories.make_tenant(), steps))) is None


@pytest.mark.parametrize("levels", [1, 2])
def test_one_that_runs_for_an_item_counts_too(levels: int) -> None:
    made = step("r", kind="respond", config=say("item {{ item }}"))
    for level in range(levels):
        made = step(f"each{level}", kind="for_each", config={"items": [7], "steps": [made]})
    assert said(drained(started(factories.make_tenant(), document(made)))) == "item 7"


def test_one_of_a_sub_workflow_does_not_count() -> None:
    tenant = factories.make_tenant()
    factories.make_workflow(tenant, document(step("r", kind="respond")), slug="other")
    assert said(drained(started(tenant, document(step("sub", kind="sub_workflow"))))) is None


@pytest.mark.parametrize(
    ("steps", "answers"),
    [
        ([step("a")], False),
        ([step("a", kind="respond")], True),
        ([step("a", kind="for_each", config={"items": [1], "steps": [IN_BODY]})], True),
        ([step("a", kind="for_each")], False),
    ],
)
def test_whether_a_version_answers_callers(steps: Any, answers: bool) -> None:
    workflow = factories.make_workflow(factories.make_tenant(), document(*steps))
    assert workflow.current_id is not None
    with scope.tenant(workflow.tenant_id):
        assert services.responds(workflow.current_id) is answers
