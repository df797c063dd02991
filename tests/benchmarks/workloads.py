"""The measured workflows: published for one tenant, each behind its own signed endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.local.loopback import HOST
from tenants.models import Tenant
from tests.factories import make_tenant
from tests.workload import Workload, workload

FAN = 10  # calls at once


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
        one=one_step(tenant, "one-step"),
        linear5=workload(tenant, "linear-5", _linear5(target)),
        linear50=linear50(tenant),
        fan_out=workload(tenant, "fan-out-10", _fan_out(target)),
    )


def one_step(tenant: Tenant, name: str) -> Workload:
    """The least that a run can do."""
    return workload(tenant, name, [_step("only", "transform", value=_ORDER_ID)])


def linear50(tenant: Tenant) -> Workload:
    """A chain of fifty steps."""
    return workload(tenant, "linear-50", _linear50())


def delaying(tenant: Tenant, seconds: float) -> Workload:
    """One step, which waits."""
    return workload(tenant, "delay", [_step("wait", "delay", seconds=seconds)])


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
