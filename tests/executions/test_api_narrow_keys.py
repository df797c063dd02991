"""A key that is narrowed to a verb does not read by it what it may not look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenants.models import Tenant
from tenants.roles import Permission, Role
from tests import factories
from tests.callers import Caller
from tests.executions import driving, standing
from tests.workflows.definitions import document, step
from workflows.definition import JSON

pytestmark = pytest.mark.usefixtures("db")

PAYLOAD: JSON = {"card": "4111 1111"}


@pytest.fixture
def acme() -> Tenant:
    return factories.make_tenant("acme")


def narrow(tenant: Tenant, scope: Permission) -> Caller:
    return Caller(factories.make_key(tenant, Role.OPERATOR, [scope]), tenant.id)


def told(answer: Any) -> Any:
    assert answer.status_code in (200, 202)
    return answer.json()


def test_who_may_only_run_does_not_see_what_it_cancels(acme: Tenant) -> None:
    waits = document(step("w", kind="wait_for_callback"))
    execution = driving.drained(driving.started(acme, waits, PAYLOAD))
    caller = narrow(acme, Permission.RUN)
    path = f"executions/{execution.id}/"
    assert caller.get(path).status_code == 403
    found = told(caller.post(f"{path}cancel/"))
    assert (found["status"], found["trigger"], found["steps"]) == ("cancelled", None, [])
    assert "4111" not in str(found)
    seeing = replace(caller, token=factories.make_key(acme, Role.VIEWER))
    assert told(seeing.get(path))["trigger"]["body"] == PAYLOAD


def test_who_may_only_run_does_not_see_what_it_resolves(acme: Tenant) -> None:
    execution = standing.unknown(acme)
    path = f"executions/{execution.id}/steps/pay/resolve/"
    found = told(narrow(acme, Permission.RUN).post(path, {"action": "fail"}))
    assert (found["trigger"], found["steps"]) == (None, [])


def test_who_may_only_decide_does_not_see_the_run(acme: Tenant) -> None:
    execution = standing.approval(acme, form=None)
    path = f"executions/{execution.id}/steps/ask/decide/"
    found = told(narrow(acme, Permission.DECIDE).post(path, {"decision": "rejected"}))
    assert (found["trigger"], found["steps"]) == (None, [])
    assert "Refund" not in str(found)
