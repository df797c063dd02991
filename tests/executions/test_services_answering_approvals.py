"""People who decide: who may, what they are to say, and who is heard."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from executions import services
from executions.models import Execution
from tenants import scope
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role
from tests.executions import invariants
from tests.executions.driving import (
    drained,
    in_threads,
    let_time_pass,
    output_of,
    statuses,
    step_run,
)
from tests.executions.standing import Decision, waiting
from tests.workflows.definitions import step

pytestmark = pytest.mark.usefixtures("committed_db")
ASK = step("ask", kind="approval", config={"title": "Refund?"})


def person(
    execution: Execution, role: Role = Role.OPERATOR, label: str = "o@x.example"
) -> Principal:
    tenant_id = execution.tenant_id
    return Principal("user", UUID(int=1), tenant_id, "acme", role, label)


def decide(
    execution: Execution, by: Principal, decision: Decision = "approved", **more: Any
) -> None:
    with scope.tenant(execution.tenant_id):
        services.decide(
            tenant_id=execution.tenant_id,
            execution_id=execution.id,
            key="ask",
            decision=decision,
            by=by,
            **more,
        )


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_person_decides(decision: Decision) -> None:
    execution = waiting(ASK, step("pay", "ask.approved"), step("tell", "ask.rejected"))
    decide(execution, person(execution), decision, comment="As agreed.")
    assert drained(execution).status == "succeeded"
    assert step_run(execution, "ask").outcome == decision
    output = output_of(execution, "ask")
    assert {name: output[name] for name in ("decision", "by", "comment", "data")} == {
        "decision": decision,
        "by": "o@x.example",
        "comment": "As agreed.",
        "data": None,
    }
    ran = {"approved": "pay", "rejected": "tell"}[decision]
    assert statuses(execution)[ran] == "succeeded"
    assert sorted(statuses(execution).values()) == ["skipped", "succeeded", "succeeded"]
    invariants.check_ended(execution.id)


def test_at_its_time_an_approval_expires() -> None:
    execution = waiting(ASK, step("late", "ask.expired"))
    let_time_pass(execution, "ask")
    assert drained(execution).status == "succeeded"
    assert step_run(execution, "ask").outcome == "expired"
    with pytest.raises(Problem) as refused:
        decide(execution, person(execution))
    assert refused.value.status == 409
    invariants.check_ended(execution.id)


@pytest.mark.parametrize(
    ("config", "role", "label", "may"),
    [
        ({}, Role.OPERATOR, "o@x.example", True),
        ({}, Role.OWNER, "o@x.example", True),
        ({}, Role.VIEWER, "o@x.example", False),
        ({"roles": ["owner"]}, Role.OWNER, "o@x.example", True),
        ({"roles": ["owner"]}, Role.EDITOR, "o@x.example", False),
        ({"people": ["boss@x.example"]}, Role.OWNER, "o@x.example", False),
        ({"people": ["boss@x.example"]}, Role.VIEWER, "boss@x.example", True),
        ({"people": ["boss@x.example"], "roles": ["editor"]}, Role.EDITOR, "o@x.example", True),
    ],
)
def test_only_those_who_are_asked_may_decide(
    config: dict[str, Any], role: Role, label: str, may: bool
) -> None:
    execution = waiting(step("ask", kind="approval", config={"title": "Refund?", **config}))
    if may:
        decide(execution, person(execution, role, label))
        assert invariants.check_ended(execution.id) == "succeeded"
        return
    with pytest.raises(Problem) as refused:
        decide(execution, person(execution, role, label))
    assert refused.value.status == 403
    assert statuses(execution) == {"ask": "waiting"}


def test_a_form_is_to_be_filled_in_as_it_asks() -> None:
    form = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    execution = waiting(step("ask", kind="approval", config={"title": "Refund?", "form": form}))
    for data in (None, {}, {"amount": "much"}):
        with pytest.raises(Problem) as refused:
            decide(execution, person(execution), data=data)
        assert (refused.value.status, refused.value.code) == (422, "form-mismatch")
    decide(execution, person(execution), data={"amount": 3})
    assert output_of(execution, "ask")["data"] == {"amount": 3}
    invariants.check_ended(execution.id)


def test_who_rejects_need_not_fill_in_the_form() -> None:
    form = {"type": "object", "required": ["amount"]}
    execution = waiting(step("ask", kind="approval", config={"title": "Refund?", "form": form}))
    decide(execution, person(execution), "rejected")
    assert step_run(execution, "ask").outcome == "rejected"


def test_of_two_who_decide_at_once_one_is_heard() -> None:
    execution = waiting(ASK, step("pause", kind="delay"))

    def act(number: int) -> bool:
        try:
            decide(execution, person(execution), ("approved", "rejected")[number % 2])
        except Problem as problem:
            assert problem.status == 409  # noqa: PT017 - in a thread of its own
            return False
        return True

    heard = in_threads(4, act)
    assert heard.count(True) == 1
    assert step_run(execution, "ask").outcome == ("approved", "rejected")[heard.index(True) % 2]
    invariants.check(execution.id)


def test_a_step_that_waits_for_something_else_takes_no_decision() -> None:
    execution = waiting(step("ask", kind="delay"))
    with pytest.raises(Problem) as refused:
        decide(execution, person(execution))
    assert refused.value.status == 409
