"""Deliveries are forgotten after a week, unless their run has not ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import uuid_utils.compat

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions.driving import drained
from webhooks import retention
from webhooks import services as webhooks
from webhooks.models import Delivery
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

EXPIRED, KEPT = timedelta(days=7, minutes=1), timedelta(days=7, minutes=-1)
MANY = 1_000  # batches


def deliver(workflow: Workflow, age: timedelta, execution: Execution | None = None) -> UUID:
    """The id of a delivery that came in so long ago."""
    at = datetime.now(UTC) - age
    with scope.tenant(workflow.tenant_id):
        endpoint = webhooks.create(workflow=workflow).endpoint
        return Delivery.objects.create(
            id=uuid_utils.compat.uuid7(nanoseconds=int(at.timestamp() * 1e9)),
            tenant_id=workflow.tenant_id,
            endpoint=endpoint,
            dedupe_key="id:1",
            execution=execution,
            headers={},
            size=2,
            received_at=at,
        ).id


def left() -> set[UUID]:
    with scope.operator("a test looks at what is left"):
        return set(Delivery.objects.values_list("id", flat=True))


def test_a_delivery_goes_after_seven_days() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    run = drained(factories.start_execution(workflow))
    deliver(workflow, EXPIRED)
    deliver(workflow, EXPIRED, run)
    kept = {deliver(workflow, KEPT), deliver(workflow, KEPT, run)}
    assert retention.expired_deliveries() == {"deliveries": 2}
    assert retention.forget_deliveries(MANY) == {"deliveries": 2}
    assert left() == kept
    with scope.operator("a test looks for the run"):
        assert Execution.objects.filter(id=run.id).exists()


def test_the_delivery_of_an_open_run_stays_whatever_its_age() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    run = factories.start_execution(workflow)
    kept = deliver(workflow, timedelta(days=400), run)
    assert retention.expired_deliveries() == {"deliveries": 0}
    assert retention.forget_deliveries(MANY) == {}
    assert left() == {kept}


def test_batches_end_where_they_are_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    workflow = factories.make_workflow(factories.make_tenant())
    for _ in range(5):
        deliver(workflow, EXPIRED)
    assert retention.forget_deliveries(1) == {"deliveries": 2}
    assert retention.forget_deliveries(MANY) == {"deliveries": 3}
