"""Verbs over the API: cancel, resume, replay, resolve, decide, bulk; and why something waits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tenants import scope
from tenants.models import Tenant
from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.executions import driving, standing
from tests.executions.calling import count_of, refused, shown, step_of
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def tenant(acme: Caller) -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(id=acme.tenant_id)


# --- Cancel ------------------------------------------------------------------------------------


def test_cancelling_ends_a_run_and_what_it_started(acme: Caller, tenant: Tenant) -> None:
    execution = standing.items(tenant)
    answer = acme.post(f"executions/{execution.id}/cancel/")
    assert answer.status_code == 200
    assert (answer.json()["status"], step_of(answer.json(), "each")["status"]) == (
        "cancelled",
        "cancelled",
    )
    assert refused(acme.post(f"executions/{execution.id}/cancel/")) == (409, "ended")


# --- Resume and replay -------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_reused_and_changes_nothing(
    acme: Caller, tenant: Tenant
) -> None:
    execution = standing.failed(tenant)
    answer = acme.post(f"executions/{execution.id}/resume/", {"dry_run": True})
    assert answer.status_code == 200
    assert answer.json() == {
        "reused": ["take"],
        "runs": [
            {"key": "ship", "why": "It failed.", "uncertain": False},
            {"key": "thank", "why": "It was cancelled.", "uncertain": False},
        ],
        "gone": [],
    }
    assert count_of(tenant) == 1


def test_resuming_makes_a_new_execution_that_names_its_origin(acme: Caller, tenant: Tenant) -> None:
    execution = standing.failed(tenant)
    answer = acme.post(f"executions/{execution.id}/resume/", {"step": "ship"})
    assert answer.status_code == 202
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["trigger_kind"], made["status"]) == ("resume", "queued")
    assert made["origin"]["id"] == str(execution.id)
    assert acme.get(urlsplit(made["origin"]["url"]).path).json()["status"] == "failed"
    assert step_of(acme.get(f"executions/{made['id']}/").json(), "take")["status"] == "succeeded"


def test_replaying_starts_anew_with_the_same_trigger(acme: Caller, tenant: Tenant) -> None:
    execution = standing.failed(tenant)
    answer = acme.post(f"executions/{execution.id}/replay/", {})
    assert answer.status_code == 202
    made = acme.get(f"executions/{answer.json()['id']}/").json()
    assert (made["trigger_kind"], made["trigger"]["body"]) == ("replay", {"order": 7})


def test_a_step_whose_call_may_have_been_made_must_be_named(acme: Caller, tenant: Tenant) -> None:
    execution = standing.unknown(tenant)
    acme.post(f"executions/{execution.id}/cancel/")
    path = f"executions/{execution.id}/resume/"
    assert acme.post(path, {"dry_run": True}).json()["runs"][0]["uncertain"] is True
    answer = acme.post(path, {})
    assert refused(answer) == (409, "uncertain")
    assert [error["step"] for error in answer.json()["errors"]] == ["pay"]
    assert acme.post(path, {"repeat": ["pay"]}).status_code == 202


@pytest.mark.parametrize(
    ("verb", "body", "expected"),
    [
        ("resume", {"step": "nowhere"}, (422, "unknown-step")),
        ("resume", {"version": "newest"}, (422, "invalid")),
        ("resume", {"steps": []}, (422, "invalid")),
        ("resume", {"repeat": "ship"}, (422, "invalid")),
        ("replay", {"version": 2}, (422, "invalid")),
        ("resume", [], (422, "invalid")),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    acme: Caller, tenant: Tenant, verb: str, body: object, expected: tuple[int, str]
) -> None:
    execution = standing.failed(tenant)
    assert refused(acme.post(f"executions/{execution.id}/{verb}/", body)) == expected
    assert count_of(tenant) == 1


def test_what_goes_on_or_succeeded_is_not_resumed(acme: Caller, tenant: Tenant) -> None:
    path = "executions/{}/resume/"
    waiting = standing.approval(tenant)
    assert refused(acme.post(path.format(waiting.id), {})) == (409, "not-ended")
    done = driving.drained(driving.started(tenant, document(step("only"))))
    for body in ({}, {"dry_run": True}):
        assert refused(acme.post(path.format(done.id), body)) == (409, "succeeded")
    assert acme.post(path.format(done.id), {"step": "only"}).status_code == 202


# --- Resolve and decide ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "after"),
    [
        ({"action": "retry"}, "queued", "pending"),
        ({"action": "done", "output": {"paid": 7}}, "succeeded", "queued"),
        ({"action": "skip"}, "skipped", "skipped"),
        ({"action": "fail"}, "failed", "cancelled"),
    ],
)
def test_an_unknown_step_is_resolved(
    acme: Caller, tenant: Tenant, body: dict[str, Any], status: str, after: str
) -> None:
    execution = standing.unknown(tenant)
    path = f"executions/{execution.id}/steps/pay/resolve/"
    answer = acme.post(path, body)
    assert answer.status_code == 200
    assert step_of(answer.json(), "pay")["status"] == status
    assert step_of(answer.json(), "pay")["output"] == body.get("output")
    assert step_of(answer.json(), "done")["status"] == after
    assert refused(acme.post(path, body)) == (409, "not-unknown")


def test_an_approval_is_given_with_its_form(acme: Caller, tenant: Tenant) -> None:
    execution = standing.approval(tenant)
    path = f"executions/{execution.id}/steps/ask/decide/"
    answer = acme.post(path, {"decision": "approved", "data": {"amount": 0}})
    assert refused(answer) == (422, "form-mismatch")
    assert [error["field"] for error in answer.json()["errors"]] == ["amount"]
    assert shown(acme, execution)["status"] == "waiting"
    body = {"decision": "approved", "data": {"amount": 5}, "comment": "Fine."}
    answer = acme.post(path, body)
    assert answer.status_code == 200
    ask = step_of(answer.json(), "ask")
    assert (ask["status"], ask["outcome"]) == ("succeeded", "approved")
    assert ask["output"]["data"] == {"amount": 5}
    assert ask["output"]["comment"] == "Fine."
    assert refused(acme.post(path, body)) == (409, "not-waiting")


def test_only_who_is_asked_decides(acme: Caller, tenant: Tenant) -> None:
    execution = standing.approval(tenant, roles=["viewer"], form=None)
    path = f"executions/{execution.id}/steps/ask/decide/"
    assert refused(acme.post(path, {"decision": "rejected"})) == (403, "not-asked")
    assert (
        acme.with_role(Role.VIEWER)
        .post(path, {"decision": "rejected"})
        .json()["steps"][0]["outcome"]
        == "rejected"
    )


@pytest.mark.parametrize("path", ["steps/nowhere/decide/", "steps/nowhere/resolve/"])
def test_a_step_that_there_is_not_is_not_found(acme: Caller, tenant: Tenant, path: str) -> None:
    execution = standing.approval(tenant)
    body = {"decision": "approved"} if "decide" in path else {"action": "retry"}
    assert refused(acme.post(f"executions/{execution.id}/{path}", body)) == (404, "not-found")


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("{}/cancel/", {}),
        ("{}/resume/", {}),
        ("{}/replay/", {}),
        ("{}/steps/ship/resolve/", {"action": "retry"}),
        ("bulk/", {"action": "replay", "filter": {}}),
    ],
)
def test_a_viewer_may_not_and_an_operator_may(
    acme: Caller, tenant: Tenant, path: str, body: dict[str, Any]
) -> None:
    address = f"executions/{path.format(standing.failed(tenant).id)}"
    viewer, operator = acme.with_role(Role.VIEWER), acme.with_role(Role.OPERATOR)
    assert refused(viewer.post(address, body)) == (403, "permission-denied")
    assert operator.post(address, body).status_code in (200, 202, 409)


def test_nothing_of_another_tenant_can_be_touched(acme: Caller, tenant: Tenant) -> None:
    execution, globex = standing.approval(tenant), owner_of("globex")
    wishes: list[tuple[str, object]] = [
        ("cancel/", {}),
        ("resume/", {"dry_run": True}),
        ("replay/", {}),
        ("steps/ask/resolve/", {"action": "retry"}),
        ("steps/ask/decide/", {"decision": "approved"}),
    ]
    for path, body in wishes:
        for ident in (execution.id, uuid4()):
            assert refused(globex.post(f"executions/{ident}/{path}", body)) == (404, "not-found")
    assert globex.get(f"executions/{execution.id}/children/").status_code == 404
    everything = {"action": "cancel", "filter": {}}
    assert globex.post("executions/bulk/", everything).json()["matched"] == 0
    assert driving.fresh(execution).status == "waiting"
