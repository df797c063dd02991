"""The measured workflows: published for one tenant, each behind its own signed endpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from config.local.loopback import HOST
from executions import dispatch
from executions import services as execution_services
from executions.moves import NewExecution
from tenants import scope
from tenants.models import Tenant
from tests.factories import make_tenant, make_workflow
from webhooks import services as webhook_services
from webhooks import signatures
from workflows.models import Workflow

BODY_BYTES = 1000
FAN = 10  # calls at once


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

    def requests(self, count: int, *, keep_alive: bool = True) -> Iterator[bytes]:
        """Signed webhooks, all different, as bytes for the wire."""
        for _ in range(count):
            yield self._request(f"msg_{uuid4().hex}", keep_alive=keep_alive)

    def _request(self, delivery_id: str, *, keep_alive: bool) -> bytes:
        body = json.dumps({"order_id": delivery_id, "paid": True}).encode()
        body = body[:-1] + b', "padding": "' + b"x" * (BODY_BYTES - len(body) - 15) + b'"}'
        headers = {
            "host": HOST,
            "user-agent": "stepwell-benchmark",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "keep-alive" if keep_alive else "close",
            **signatures.sign(
                "standard-webhooks",
                None,
                self.secret,
                body,
                delivery_id=delivery_id,
                timestamp=int(time.time()),
            ),
        }
        lines = [f"POST /hooks/{self.token}/ HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
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
                    message="Started by the benchmark.",
                )
                self.by_hand.append(begun.execution_id)
        started = time.perf_counter()
        dispatch.wake(dispatch.ENOUGH)
        return started


@dataclass(frozen=True)
class Workloads:
    one: Workload
    linear5: Workload
    linear50: Workload
    fan_out: Workload

    @property
    def all(self) -> tuple[Workload, ...]:
        return (self.one, self.linear5, self.linear50, self.fan_out)


def make(target_port: int) -> Workloads:
    """Seed the tenant, the workflows and their endpoints by the product's own verbs."""
    tenant, target = make_tenant("bench"), f"http://{HOST}:{target_port}"
    return Workloads(
        one=_workload(tenant, "one-step", [_step("only", "transform", value=_ORDER_ID)]),
        linear5=_workload(tenant, "linear-5", _linear5(target)),
        linear50=_workload(tenant, "linear-50", _linear50()),
        fan_out=_workload(tenant, "fan-out-10", _fan_out(target)),
    )


_ORDER_ID = "{{ trigger.body.order_id }}"


def _linear5(target: str) -> list[dict[str, Any]]:
    """The webhook is the first of the five."""
    total = "{{ steps.fetch.output.body.total }}"
    return [
        _step("fetch", "http", method="GET", url=f"{target}/order"),
        _step("found", "condition", "fetch", **{"if": "{{ steps.fetch.output.status == 200 }}"}),
        _step("shape", "transform", "found.true", value={"order": _ORDER_ID, "total": total}),
        _step(
            *("create", "http", "shape"),
            method="POST",
            url=f"{target}/orders",
            json="{{ steps.shape.output }}",
        ),
    ]


def _linear50() -> list[dict[str, Any]]:
    """A chain of transforms, each of which reads the one before it."""
    first = _step("s1", "transform", value={"n": 1, "order": _ORDER_ID})
    rest = [
        _step(
            f"s{n}", "transform", f"s{n - 1}", value={"n": f"{{{{ steps.s{n - 1}.output.n + 1 }}}}"}
        )
        for n in range(2, 51)
    ]
    return [first, *rest]


def _fan_out(target: str) -> list[dict[str, Any]]:
    keys = [f"call{n}" for n in range(1, FAN + 1)]
    calls = [_step(key, "http", method="GET", url=f"{target}/slow") for key in keys]
    statuses = [f"{{{{ steps.{key}.output.status }}}}" for key in keys]
    return [*calls, _step("join", "transform", *keys, value=statuses)]


def _step(key: str, kind: str, *needs: str, **config: Any) -> dict[str, Any]:
    return {"key": key, "type": kind, "needs": list(needs), "with": config}


def _workload(tenant: Tenant, name: str, steps: list[dict[str, Any]]) -> Workload:
    workflow = make_workflow(tenant, {"schema": 1, "steps": steps}, slug=name)
    with scope.tenant(tenant.id):
        issued = webhook_services.create(workflow=workflow)
    endpoint = issued.endpoint
    return Workload(name, workflow, len(steps), endpoint.id, endpoint.token, issued.secret)
