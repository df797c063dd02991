"""Verbs in bulk over HTTP: a dry run first, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions import standing
from tests.executions.calling import count_of, refused, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def tenant(acme: Caller) -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(id=acme.tenant_id)


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
