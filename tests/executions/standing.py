"""Runs that stand still, each for a reason of its own."""

from __future__ import annotations

from typing import Any, Literal

from executions import services
from executions.models import Execution
from tenants.models import Tenant
from tests import factories
from tests.executions import driving
from tests.workflows.definitions import document, step

Decision = Literal["approved", "rejected"]
FORM = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "integer", "title": "Amount", "minimum": 1},
        "speed": {"enum": ["slow", "fast"]},
        "gift": {"type": "boolean"},
    },
}
REFUND = {"title": "Refund order 7?", "message": "It came broken.", "form": FORM}


def waiting(*steps: dict[str, Any]) -> Execution:
    """A run of these steps, for a new tenant, that waits after a worker did all there was to do."""
    execution = driving.drained(driving.started(factories.make_tenant(), document(*steps)))
    assert execution.status == "waiting"
    return execution


def approval(tenant: Tenant, **config: Any) -> Execution:
    """Waits for an approval at the step `ask`; then does `pay` or `tell`."""
    definition = document(
        step("ask", kind="approval", config={**REFUND, **config}),
        step("pay", "ask.approved", kind="transform", config={"value": "{{ steps.ask.output }}"}),
        step("tell", "ask.rejected"),
    )
    return driving.drained(driving.started(tenant, definition))


def unknown(tenant: Tenant) -> Execution:
    """Its step `pay` was sent, and nobody knows what came of it; `done` comes after it."""
    call = {"method": "POST", "url": "https://bank.example/pay", "json": {"amount": 7}}
    definition = document(step("pay", kind="http", config=call), step("done", "pay"))
    execution = driving.started(tenant, definition)
    worker_id = driving.new_worker()
    claim = driving.claimed(worker_id)
    assert services.mark_sending(claim, {"method": "POST", "url": "https://bank.example/pay"})
    driving.finish(claim, worker_id, driving.BROKEN_OFF, repeatable=False)
    return driving.fresh(execution)


def callback(tenant: Tenant) -> Execution:
    """Waits for a call at the step `call`."""
    return driving.drained(
        driving.started(tenant, document(step("call", kind="wait_for_callback")))
    )


def items(tenant: Tenant, count: int = 3) -> Execution:
    """Its step `each` waits for items, each of which waits for an approval."""
    body = [step("check", kind="approval", config={"title": "Item {{ item }}?"})]
    config = {"items": list(range(count)), "steps": body, "parallel": 2}
    definition = document(step("each", kind="for_each", config=config))
    return driving.drained(driving.started(tenant, definition))


def failed(tenant: Tenant, slug: str | None = None) -> Execution:
    """Failed at `ship`, after `take` and before `thank`."""
    definition = document(
        step("take", kind="transform", config={"value": {"order": 7}}),
        step("ship", "take", kind="transform", config={"value": "{{ trigger.body.stock }}"}),
        step("thank", "ship"),
    )
    workflow = factories.make_workflow(tenant, definition, slug=slug)
    return driving.drained(factories.start_execution(workflow, {"order": 7}))
