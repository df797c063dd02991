"""Idempotency-Key and expected_version: one run for one wish, of the version that was meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models.functions import Now

from config import retention
from executions.models import Execution, IdempotencyKey
from tenants import scope
from tenants.models import Tenant
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions import driving
from tests.workflows.definitions import document, step
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

RUN = "workflows/orders/run/"
ASKS = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def tenant(acme: Caller) -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(id=acme.tenant_id)


@pytest.fixture
def orders(tenant: Tenant) -> Workflow:
    return factories.make_workflow(tenant, document(step("a"), input=ASKS), slug="orders")


def run(caller: Caller, key: str, n: object = 1, path: str = RUN) -> Any:
    return caller.post(path, {"input": {"n": n}}, idempotency_key=key)


def refused(answer: Any) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]


def counts(tenant: Tenant) -> tuple[int, int]:
    """Of executions and of keys."""
    with scope.tenant(tenant.id):
        return Execution.objects.count(), IdempotencyKey.objects.count()


def grow_old(tenant: Tenant, seconds: float) -> None:
    with scope.tenant(tenant.id):
        IdempotencyKey.objects.update(created_at=Now() - timedelta(seconds=seconds))


# --- Run ---------------------------------------------------------------------------------------


def test_the_same_request_again_makes_no_second_run(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    first, second = (run(acme, "one") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert counts(tenant) == (1, 1)


def test_other_keys_and_none_make_runs_of_their_own(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    run(acme, "one")
    run(acme, "two")
    for _ in range(2):
        acme.post(RUN, {"input": {"n": 1}})
    assert counts(tenant) == (4, 2)


def test_another_body_with_the_same_key_is_refused(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    run(acme, "one")
    assert refused(run(acme, "one", 2)) == (422, "idempotency-key-reused")
    assert counts(tenant) == (1, 1)


def test_another_address_with_the_same_key_is_refused(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    factories.make_workflow(tenant, slug="invoices")
    run(acme, "one")
    answer = run(acme, "one", path="workflows/invoices/run/")
    assert refused(answer) == (422, "idempotency-key-reused")


def test_the_order_of_a_bodys_members_makes_no_other_request(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    texts = ('{"input": {"n": 1, "m": 2}}', '{ "input": {"m": 2, "n": 1} }')
    answers = [acme.post(RUN, text, idempotency_key="one") for text in texts]
    assert answers[0].json() == answers[1].json()


def test_a_key_stays_good_when_the_api_key_is_replaced(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    first = run(acme, "one")
    second = run(acme.with_role(Role.OPERATOR), "one")
    assert first.json() == second.json()


def test_tenants_keys_are_their_own(acme: Caller, orders: Workflow) -> None:
    globex = owner_of("globex")
    with scope.operator("a test looks"):
        other = Tenant.objects.get(id=globex.tenant_id)
    factories.make_workflow(other, document(step("a"), input=ASKS), slug="orders")
    first, second = run(acme, "one"), run(globex, "one")
    assert second.status_code == 202
    assert first.json()["id"] != second.json()["id"]
    assert "Idempotency-Replayed" not in second


def test_the_finished_execution_is_waited_for_again(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    """How long to wait is not part of what is asked for."""
    first = run(acme, "one", path=f"{RUN}?wait=0.05")
    assert first.status_code == 202
    with scope.tenant(tenant.id):
        execution = Execution.objects.get()
    driving.drained(execution)
    second = run(acme, "one", path=f"{RUN}?wait=5")
    assert (second.status_code, second["Idempotency-Replayed"]) == (200, "true")
    assert (second.json()["id"], second.json()["status"]) == (first.json()["id"], "succeeded")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "caf\u00e9", "a\tb"])
def test_a_key_that_is_none_is_refused(
    acme: Caller, tenant: Tenant, orders: Workflow, key: str
) -> None:
    assert refused(run(acme, key)) == (400, "bad-idempotency-key")
    assert counts(tenant) == (0, 0)


@pytest.mark.parametrize("key", ["!", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a/~'"])
def test_any_visible_ascii_is_a_key(acme: Caller, orders: Workflow, key: str) -> None:
    answers = [run(acme, key) for _ in range(2)]
    assert answers[0].status_code == 202
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"input": {"n": "text"}}, 422),
        ({"inputs": 1}, 422),
        ({"input": {"n": 1}, "expected_version": 9}, 409),
    ],
)
def test_nothing_is_kept_of_what_was_refused(
    acme: Caller, tenant: Tenant, orders: Workflow, body: object, status: int
) -> None:
    assert acme.post(RUN, body, idempotency_key="one").status_code == status
    assert counts(tenant) == (0, 0)
    assert run(acme, "one").status_code == 202


def test_a_replay_is_answered_even_if_the_start_would_be_refused_now(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    body = {"input": {"n": 1}, "expected_version": 1}
    first = acme.post(RUN, body, idempotency_key="one")
    factories.publish(orders, document(step("b"), input=ASKS))
    second = acme.post(RUN, body, idempotency_key="one")
    assert first.json() == second.json()


def test_many_at_once_make_one_run(acme: Caller, tenant: Tenant, orders: Workflow) -> None:
    answers = driving.in_threads(4, lambda _: run(acme, "one"))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ["Idempotency-Replayed" in answer for answer in answers].count(False) == 1
    assert counts(tenant) == (1, 1)


def test_of_many_at_once_with_different_bodies_one_runs(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    answers = driving.in_threads(4, lambda number: run(acme, "one", number))
    assert sorted(answer.status_code for answer in answers) == [202, 422, 422, 422]
    assert counts(tenant) == (1, 1)


# --- Resume and replay -------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["resume", "replay"])
def test_verbs_that_make_a_run_make_one(acme: Caller, tenant: Tenant, verb: str) -> None:
    failed = driving.drained(driving.started(tenant, document(step("no", kind="fail"))))
    path = f"executions/{failed.id}/{verb}/"
    answers = driving.in_threads(2, lambda _: acme.post(path, {}, idempotency_key="one"))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert counts(tenant) == (2, 1)
    other = acme.post(
        path, {"version": {"resume": "current", "replay": "same"}[verb]}, idempotency_key="one"
    )
    assert refused(other) == (422, "idempotency-key-reused")


def test_a_resumes_dry_run_takes_no_key(acme: Caller, tenant: Tenant) -> None:
    failed = driving.drained(driving.started(tenant, document(step("no", kind="fail"))))
    path = f"executions/{failed.id}/resume/"
    assert acme.post(path, {"dry_run": True}, idempotency_key="one").status_code == 200
    assert counts(tenant) == (1, 0)


# --- For how long ------------------------------------------------------------------------------


def test_a_key_is_kept_for_a_day(acme: Caller, tenant: Tenant, orders: Workflow) -> None:
    first = run(acme, "one").json()["id"]
    grow_old(tenant, settings.KEEP_IDEMPOTENCY_KEYS_SECONDS - 60)
    assert retention.expired()["keys"] == 0
    retention.forget()
    assert run(acme, "one").json()["id"] == first


def test_after_a_day_it_is_forgotten(acme: Caller, tenant: Tenant, orders: Workflow) -> None:
    run(acme, "one")
    grow_old(tenant, settings.KEEP_IDEMPOTENCY_KEYS_SECONDS + 60)
    run(acme, "two")
    assert retention.expired()["keys"] == 1
    assert retention.forget()["keys"] == 1
    assert counts(tenant) == (2, 1)


def test_one_that_is_too_old_is_as_good_as_forgotten(
    acme: Caller, tenant: Tenant, orders: Workflow
) -> None:
    first = run(acme, "one").json()["id"]
    grow_old(tenant, settings.KEEP_IDEMPOTENCY_KEYS_SECONDS + 60)
    second = run(acme, "one", 2)
    assert second.status_code == 202
    assert second.json()["id"] != first
    assert run(acme, "one", 2).json() == second.json()
    assert counts(tenant) == (2, 1)


def test_it_goes_with_its_run(acme: Caller, tenant: Tenant, orders: Workflow) -> None:
    ident = run(acme, "one").json()["id"]
    with scope.tenant(tenant.id):
        Execution.objects.filter(id=UUID(ident)).delete()
    assert counts(tenant) == (0, 0)


# --- Expected version --------------------------------------------------------------------------


@pytest.mark.parametrize(("expected", "status"), [(1, 409), (2, 202), (3, 409), (None, 202)])
def test_only_the_version_that_is_expected_runs(
    acme: Caller, tenant: Tenant, orders: Workflow, expected: int | None, status: int
) -> None:
    factories.publish(orders, document(step("b"), input=ASKS))
    answer = acme.post(RUN, {"input": {}, "expected_version": expected})
    assert answer.status_code == status
    if status == 409:
        assert refused(answer) == (409, "version-changed")
        assert answer.json()["detail"] == f"Version 2 is live, not version {expected}."
        assert counts(tenant) == (0, 0)


@pytest.mark.parametrize("expected", [0, -1, "one", 2**31, 1.5])
def test_an_expected_version_that_is_none_is_refused(
    acme: Caller, orders: Workflow, expected: object
) -> None:
    answer = acme.post(RUN, {"expected_version": expected})
    assert refused(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "expected_version"
