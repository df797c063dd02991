"""Workflows that are paused, what comes in meanwhile, and what is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tests.webhooks.senders import BODY, Address, deliver, kept, standard
from tests.workflows.definitions import document, step
from webhooks import deliveries
from webhooks.models import Delivery
from workflows import pausing
from workflows.models import Workflow

STRICT = document(step("only"), input={"type": "object", "required": ["order_id"]})


def pause(address: Address) -> None:
    with scope.tenant(address.tenant.id):
        pausing.pause(workflow=Workflow.objects.get())


def resume(address: Address) -> None:
    with scope.tenant(address.tenant.id):
        pausing.resume(workflow=Workflow.objects.get())


def stored(address: Address, count: int) -> None:
    """So many deliveries, in order, while the workflow is paused."""
    for number in range(count):
        body = b'{"order_id": %d}' % number
        deliver(address, standard(address, body, delivery_id=f"msg_{number}"), body)


def orders(address: Address) -> list[Any]:
    """What the runs were started with, in the order in which they are claimed."""
    with scope.tenant(address.tenant.id):
        runs = Execution.objects.order_by("due_at", "id")
        return [each.trigger["body"]["order_id"] for each in runs]


# --- Sending again -------------------------------------------------------------------------------


def again(address: Address, row: Delivery, **how: Any) -> Execution:
    with scope.tenant(address.tenant.id):
        return deliveries.resend(delivery=deliveries.find(delivery_id=row.id), by="alice", **how)


def refused(address: Address, row: Delivery, **how: Any) -> str:
    with pytest.raises(Problem) as problem:
        again(address, row, **how)
    return problem.value.code


def rejected(address: Address, headers: dict[str, str], body: bytes = BODY) -> Delivery:
    with pytest.raises(Problem):
        deliver(address, headers, body)
    return kept(address)[-1]
