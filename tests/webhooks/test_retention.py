"""Deliveries are forgotten after a week, unless their run has not ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import uuid_utils.compat

from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions.driving import drained
from tests.webhooks import senders
from tests.webhooks.senders import Address, make_address
from webhooks import deliveries, retention
from webhooks import services as webhooks
from webhooks.models import Delivery, Resend, Tally
from workflows import pausing
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


def test_rows_of_every_reason_go_with_their_resends_and_counts() -> None:
    address = make_address()
    senders.deliver(address, senders.standard(address))
    senders.deliver(address, senders.standard(address))
    with pytest.raises(Problem):
        senders.deliver(address, {})
    with scope.tenant(address.tenant.id):
        row = Delivery.objects.get(reason="accepted")
        deliveries.resend(delivery=deliveries.find(delivery_id=row.id), by="alice")
        Execution.objects.all().delete()
    grow_old(address)
    assert retention.forget_deliveries(MANY) == {"deliveries": 3}
    with scope.operator("a test looks at what is left"):
        assert not Resend.objects.exists()
        assert not Tally.objects.exists()


def test_what_a_paused_workflow_stored_goes_after_seven_days_too() -> None:
    address = make_address()
    with scope.tenant(address.tenant.id):
        pausing.pause(workflow=Workflow.objects.get())
    senders.deliver(address, senders.standard(address))
    assert retention.forget_deliveries(MANY) == {}
    grow_old(address)
    assert retention.forget_deliveries(MANY) == {"deliveries": 1}


def test_counts_of_a_young_hour_stay() -> None:
    address = make_address()
    with pytest.raises(Problem):
        senders.deliver(address, {})
    retention.forget_deliveries(MANY)
    with scope.operator("a test looks at what is left"):
        assert Tally.objects.count() == 1


def grow_old(address: Address) -> None:
    """As if all that came in had done so long ago."""
    then = datetime.now(UTC) - EXPIRED
    with scope.tenant(address.tenant.id):
        for number, ident in enumerate(Delivery.objects.values_list("id", flat=True)):
            old = uuid_utils.compat.uuid7(nanoseconds=int(then.timestamp() * 1e9) + number)
            Resend.objects.filter(delivery_id=ident).update(delivery_id=old)
            Delivery.objects.filter(id=ident).update(id=old, received_at=then)
        Tally.objects.update(hour=then)
