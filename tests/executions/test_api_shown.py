"""What calls show of runs that stand still, and of what came of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.executions import standing
from tests.executions.calling import shown, step_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def tenant(acme: Caller) -> Tenant:
    with scope.operator("a test looks"):
        return Tenant.objects.get(id=acme.tenant_id)


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
