"""Verbs over the API: cancel, resume, replay, resolve, decide, bulk; and why something waits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions import driving, standing
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def tenant(acme: Caller) -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(id=acme.tenant_id)


def shown(caller: Caller, execution: Execution) -> Any:
    return caller.get(f"executions/{execution.id}/").json()


def step_of(body: Any, key: str) -> Any:
    return next(one for one in body["steps"] if one["key"] == key)


def refused(answer: Any) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]


def count_of(tenant: Tenant) -> int:
    with scope.tenant(tenant.id):
        return Execution.objects.count()


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


# --- Bulk --------------------------------------------------------------------------------------


def test_a_dry_run_in_bulk_does_nothing_and_refuses_what_the_real_one_would(
    acme: Caller, tenant: Tenant
) -> None:
    failed, unsure = standing.failed(tenant, "orders"), standing.unknown(tenant)
    acme.post(f"executions/{unsure.id}/cancel/")
    body = {"action": "resume", "filter": {}, "dry_run": True}
    tried = acme.post("executions/bulk/", body).json()
    assert tried["done"] == [str(failed.id)]
    assert [one["id"] for one in tried["refused"]] == [str(unsure.id)]
    assert (tried["matched"], tried["more"], tried["last"]) == (2, False, str(unsure.id))
    assert count_of(tenant) == 2
    done = acme.post("executions/bulk/", {**body, "dry_run": False}).json()
    assert done["refused"] == tried["refused"]
    assert len(done["done"]) == 1
    assert count_of(tenant) == 3


def test_bulk_goes_on_after_the_last_and_doubles_nothing(
    acme: Caller, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.services.bulk.MOST", 2)
    failed = [standing.failed(tenant) for _ in range(3)]
    body: dict[str, Any] = {"action": "resume", "filter": {"status": "failed"}}
    first = acme.post("executions/bulk/", body).json()
    assert (first["matched"], first["more"], first["last"]) == (2, True, str(failed[1].id))
    second = acme.post("executions/bulk/", {**body, "after": first["last"]}).json()
    assert (second["matched"], second["more"]) == (1, False)
    with scope.tenant(tenant.id):
        origins = list(
            Execution.objects.filter(trigger_kind="resume").values_list("origin_id", flat=True)
        )
    assert sorted(origins) == [one.id for one in failed]


def test_cancelling_in_bulk_takes_only_what_is_open_and_matches(
    acme: Caller, tenant: Tenant
) -> None:
    ended, waits = standing.failed(tenant), standing.approval(tenant)
    other = factories.start_execution(factories.make_workflow(tenant, slug="other"))
    body = {"action": "cancel", "filter": {"workflow": "other"}}
    assert acme.post("executions/bulk/", body).json()["done"] == [str(other.id)]
    assert shown(acme, waits)["status"] == "waiting"
    everything = acme.post("executions/bulk/", {"action": "cancel", "filter": {}}).json()
    assert everything["done"] == [str(waits.id)]
    assert shown(acme, ended)["status"] == "failed"


def test_with_a_rate_the_new_executions_begin_one_after_the_other(
    acme: Caller, tenant: Tenant
) -> None:
    for _ in range(2):
        standing.failed(tenant)
    body = {"action": "replay", "filter": {}, "rate": 0.01}
    _, late = acme.post("executions/bulk/", body).json()["done"]
    assert acme.get(f"executions/{late}/").json()["reason"].startswith("Begins at ")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "cancel"}, "filter"),
        ({"action": "delete", "filter": {}}, "action"),
        ({"action": "cancel", "filter": {"stauts": "failed"}}, "filter.stauts"),
        ({"action": "cancel", "filter": {"status": "done"}}, "filter.status"),
        ({"action": "resume", "filter": {}, "rate": 0}, "rate"),
        ({"action": "resume", "filter": {}, "after": "x"}, "after"),
    ],
)
def test_a_bulk_wish_that_makes_no_sense_is_refused(
    acme: Caller, body: dict[str, Any], field: str
) -> None:
    answer = acme.post("executions/bulk/", body)
    assert refused(answer) == (422, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


# --- What is shown -----------------------------------------------------------------------------


def test_a_waiting_step_says_for_what_and_why(acme: Caller, tenant: Tenant) -> None:
    body = shown(acme, standing.approval(tenant, roles=["owner", "editor"]))
    ask = step_of(body, "ask")
    assert ask["reason"].startswith("Waits for an approval by owner or editor until ")
    assert body["reason"] == f"ask: {ask['reason']}"
    assert set(ask["waiting"]) == {"for", "until", "ask", "url"}
    assert (ask["waiting"]["for"], ask["waiting"]["url"]) == ("approval", None)
    assert ask["waiting"]["ask"]["title"] == "Refund order 7?"
    assert step_of(body, "pay")["waiting"] is step_of(body, "pay")["reason"] is None


def test_the_one_time_address_is_shown_to_who_may_run(acme: Caller, tenant: Tenant) -> None:
    execution = standing.callback(tenant)
    viewer = acme.with_role(Role.VIEWER)
    assert step_of(shown(viewer, execution), "call")["waiting"]["url"] is None
    address = step_of(shown(acme, execution), "call")["waiting"]["url"]
    assert acme.post(urlsplit(address).path, {"ok": True}).status_code == 200
    call = step_of(shown(viewer, execution), "call")
    assert (call["status"], call["waiting"]) == ("succeeded", None)


def test_items_are_children_and_not_in_the_list(acme: Caller, tenant: Tenant) -> None:
    execution = standing.items(tenant)

    def found(path: str) -> list[Any]:
        return list(acme.get(path).json()["results"])

    assert [one["id"] for one in found("executions/")] == [str(execution.id)]
    assert len(found("executions/?items=true")) == 3
    assert len(found("executions/?items=true&trigger=item")) == 2
    newest, oldest = found(f"executions/{execution.id}/children/")
    assert newest["parent"] == {
        "id": str(execution.id),
        "url": shown(acme, execution)["url"],
        "step": "each",
        "index": 1,
    }
    assert oldest["parent"]["index"] == 0
    item = acme.get(f"executions/{oldest['id']}/").json()
    assert [one["key"] for one in item["steps"]] == ["check"]
    assert item["reason"].startswith("check: Waits for an approval")
    assert urlsplit(shown(acme, execution)["children"]).path.endswith("/children/")


def test_attention_finds_what_the_caller_can_do_something_about(
    acme: Caller, tenant: Tenant
) -> None:
    standing.callback(tenant)
    unsure, asked = standing.unknown(tenant), standing.approval(tenant)
    items = standing.items(tenant)

    def found(caller: Caller) -> set[str]:
        results = caller.get("executions/?attention=true").json()["results"]
        return {one["id"] for one in results}

    with scope.tenant(tenant.id):
        children = Execution.objects.filter(parent=items).values_list("id", flat=True)
        expected = {str(ident) for ident in (unsure.id, asked.id, *children)}
    assert found(acme) == expected
    assert found(acme.with_role(Role.VIEWER)) == {str(unsure.id)}
    assert found(owner_of("globex")) == set()


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
