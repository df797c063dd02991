"""With what the callers of an endpoint are answered, said over HTTP."""

from __future__ import annotations

import pytest

from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.webhooks.calling import created
from tests.workflows.definitions import document, step


@pytest.fixture
def acme(db: None) -> Caller:
    caller = owner_of("acme")
    made = caller.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    assert made.status_code == 201
    assert caller.post("workflows/flow/publish/").status_code == 201
    return caller


def test_an_endpoint_acknowledges_unless_it_is_told_otherwise(acme: Caller) -> None:
    made = created(acme)
    assert made["answer"] == "ack"

    changed = acme.patch(f"endpoints/{made['id']}/", {"answer": "result"})

    assert (changed.status_code, changed.json()["answer"]) == (200, "result")
    assert acme.get(f"endpoints/{made['id']}/").json()["answer"] == "result"
    assert changed.json()["enabled"] is True


def test_what_an_endpoint_answers_can_be_said_when_it_is_made(acme: Caller) -> None:
    assert created(acme, answer="result")["answer"] == "result"


@pytest.mark.parametrize("body", [{}, {"answer": "later"}, {"answer": None}, {"answers": "ack"}])
def test_a_change_that_is_none_is_refused(acme: Caller, body: dict[str, object]) -> None:
    made = created(acme)
    assert acme.patch(f"endpoints/{made['id']}/", body).status_code == 422


def test_only_a_workflow_with_a_respond_step_can_answer_by_one(acme: Caller) -> None:
    made = created(acme)
    for refused in (
        acme.post("endpoints/", {"workflow": "flow", "answer": "respond"}),
        acme.patch(f"endpoints/{made['id']}/", {"answer": "respond"}),
    ):
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == ["answer"]
    responding = {"name": "other", "definition": document(step("r", kind="respond"))}
    acme.post("workflows/", responding)
    assert acme.post("workflows/other/publish/").status_code == 201

    assert created(acme, workflow="other", answer="respond")["answer"] == "respond"


def test_a_workflow_that_is_not_published_yet_may_still_get_a_respond_step(acme: Caller) -> None:
    acme.post("workflows/", {"name": "draft", "definition": document(step("a"))})
    assert created(acme, workflow="draft", answer="respond")["answer"] == "respond"


def test_an_operator_may_not_change_what_is_answered(acme: Caller) -> None:
    made = created(acme)
    operator = acme.with_role(Role.OPERATOR)
    assert operator.patch(f"endpoints/{made['id']}/", {"answer": "result"}).status_code == 403
