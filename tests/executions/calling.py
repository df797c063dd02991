"""What calls of the API about executions answer."""

from __future__ import annotations

from typing import Any

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant
from tests.callers import Caller


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
