"""A published workflow behind its own signed endpoint, and what was promised for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from config.local.loopback import HOST
from executions import dispatch
from executions import services as execution_services
from executions.moves import NewExecution
from tenants import scope
from tenants.models import Tenant
from tests.factories import make_workflow
from webhooks import services as webhook_services
from webhooks import signatures
from workflows.models import Workflow

BODY_BYTES = 1000


@dataclass
class Workload:
    """A workflow and its endpoint; and what was accepted for it so far."""

    name: str
    workflow: Workflow
    steps: int
    endpoint_id: UUID
    token: str
    secret: str
    by_webhook: list[UUID] = field(default_factory=list)
    by_hand: list[UUID] = field(default_factory=list)

    @property
    def tenant_id(self) -> UUID:
        return self.workflow.tenant_id

    @property
    def accepted(self) -> list[UUID]:
        """The executions that were promised."""
        return self.by_webhook + self.by_hand

    @property
    def path(self) -> str:
        """Where its webhooks go."""
        return f"/hooks/{self.token}/"

    def requests(self, count: int, *, keep_alive: bool = True) -> Iterator[bytes]:
        """Signed webhooks, all different, as bytes for the wire."""
        for _ in range(count):
            yield self._request(f"msg_{uuid4().hex}", keep_alive=keep_alive)

    def signed(self, delivery_id: str) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a webhook as its sender signs it now."""
        body = json.dumps({"order_id": delivery_id, "paid": True}).encode()
        body = body[:-1] + b', "padding": "' + b"x" * (BODY_BYTES - len(body) - 15) + b'"}'
        signature = signatures.sign(
            "standard-webhooks",
            None,
            self.secret,
            signatures.Message({}, body),
            delivery_id=delivery_id,
            timestamp=int(time.time()),
        )
        return {"content-type": "application/json", **signature}, body

    def _request(self, delivery_id: str, *, keep_alive: bool) -> bytes:
        signed, body = self.signed(delivery_id)
        headers = {
            "host": HOST,
            "user-agent": "stepwell-benchmark",
            "content-length": str(len(body)),
            "connection": "keep-alive" if keep_alive else "close",
            **signed,
        }
        lines = [f"POST {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def note(self, answers: Sequence[bytes]) -> list[str]:
        """Remember what webhooks were promised; returns what else was answered."""
        wrong = []
        for answer in answers:
            head, _, body = answer.partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 202 "):
                self.by_webhook.append(UUID(json.loads(body)["execution_id"]))
            else:
                wrong.append(f"{head.splitlines()[0].decode()} {body[:200].decode()}")
        return wrong

    def pile_up(self, count: int) -> float:
        """Make executions visible to the workers at one moment (`perf_counter`); wake them."""
        version_id = self.workflow.current_id
        assert version_id is not None
        with scope.tenant(self.tenant_id):
            db = scope.prepared()
            plan = execution_services.plan_of(version_id)
            for number in range(count):
                begun = execution_services.begin(
                    db,
                    tenant_id=self.tenant_id,
                    plan=plan,
                    new=NewExecution(
                        workflow_id=self.workflow.id,
                        version_id=version_id,
                        kind="api",
                        trigger=execution_services.trigger(kind="api", body={"order_id": number}),
                        timeout=plan.definition.limits.timeout,
                    ),
                    message="Started by a test.",
                )
                self.by_hand.append(begun.execution_id)
        started = time.perf_counter()
        dispatch.wake(dispatch.ENOUGH)
        return started


def workload(
    tenant: Tenant, name: str, steps: Sequence[Mapping[str, Any]], **more: Any
) -> Workload:
    """Publish a workflow of these steps; `more` stands beside them in its definition."""
    workflow = make_workflow(tenant, {"schema": 1, "steps": list(steps), **more}, slug=name)
    with scope.tenant(tenant.id):
        issued = webhook_services.create(workflow=workflow)
    endpoint = issued.endpoint
    return Workload(name, workflow, len(steps), endpoint.id, endpoint.token, issued.secret)
