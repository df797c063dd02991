"""Running again, as tests ask for it: in the scope of the run's tenant."""

from __future__ import annotations

from typing import Any

import pytest

from executions import services, worker
from executions.models import Execution
from executions.runs import Claim
from executions.services.resuming import Preview
from tenants import scope
from tenants.models import Tenant
from tenants.problems import Problem
from tests import factories
from tests.executions.driving import (
    WRONG,
    claimed,
    finish,
    fresh,
    new_worker,
    started,
)
from tests.workflows.definitions import document, step


def resume(execution: Execution, **more: Any) -> Execution:
    with scope.tenant(execution.tenant_id):
        return services.resume(read(execution), by="otto", **more)


def replay(execution: Execution, **more: Any) -> Execution:
    with scope.tenant(execution.tenant_id):
        return services.replay(read(execution), by="otto", **more)


def preview(execution: Execution, **more: Any) -> Preview:
    with scope.tenant(execution.tenant_id):
        return services.preview(read(execution), **more)


def refusal(execution: Execution, **more: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        resume(execution, **more)
    return refused.value


def read(execution: Execution) -> Execution:
    """The run as it stands, in the open scope."""
    return Execution.objects.select_related("workflow").get(id=execution.id)


def failed_at_c(tenant: Tenant | None = None) -> Execution:
    """A run of a -> b -> c -> d, and e beside it, that failed at c."""
    made = document(
        step("a", kind="transform", config={"value": "{{ trigger.body }}"}),
        step("b", "a", kind="transform", config={"value": "{{ steps.a.output + 1 }}"}),
        step("c", "b", kind="transform", config={"value": "{{ steps.b.output + 1 }}"}),
        step("d", "c", kind="transform", config={"value": "{{ steps.c.output + 1 }}"}),
        output="{{ steps.d.output }}",
    )
    execution = started(tenant or factories.make_tenant(), made, 1)
    worker_id = new_worker()
    c: Claim | None = claimed(worker_id)
    while c is not None and c.key != "c":
        c = worker._step(c, worker_id, worker.Watch())
    assert c is not None
    finish(c, worker_id, WRONG)
    assert fresh(execution).status == "failed"
    return execution
