"""Stored requests: counted, sent again, and run or discarded after a pause."""

from __future__ import annotations

import threading

import pytest
from django.conf import LazySettings
from django.db import connection

from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tenants.roles import Role
from tests import environment, factories, servers
from tests.executions import driving
from tests.faults.waiting import wait
from tests.webhooks import senders
from tests.webhooks.pausing import STRICT, again, orders, pause, rejected, resume, stored
from tests.webhooks.senders import BODY, Address, deliver, kept, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import deliveries
from webhooks.deliveries import Ran
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


def run(address: Address) -> Ran:
    with scope.tenant(address.tenant.id):
        return deliveries.run_waiting(workflow=Workflow.objects.get(), by="alice")


# --- While it is paused --------------------------------------------------------------------------


def test_a_paused_workflow_stores_what_comes_in() -> None:
    address = make_address()
    pause(address)
    received = deliver(address, standard(address))
    assert (received.execution_id, received.paused) == (None, True)
    (row,) = kept(address)
    assert (row.reason, row.hold, row.status) == ("paused", "waiting", 202)
    assert bytes(row.body or b"") == BODY
    assert senders.stored().executions == 0


def test_a_paused_workflow_refuses_what_it_would_refuse_anyway() -> None:
    address = make_address(definition=STRICT)
    pause(address)
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, b"{}"), b"{}")
    assert refused.value.status == 422
    assert [row.hold for row in kept(address)] == [""]


def test_a_repeat_of_a_stored_delivery_gets_its_ids() -> None:
    address = make_address()
    pause(address)
    first, again = deliver(address, standard(address)), deliver(address, standard(address))
    assert (again.duplicate, again.paused, again.execution_id) == (True, True, None)
    assert again.delivery_id == first.delivery_id
    resume(address)
    run(address)
    late = deliver(address, standard(address))
    with scope.tenant(address.tenant.id):
        execution = Execution.objects.get()
    assert (late.duplicate, late.paused, late.execution_id) == (True, False, execution.id)


def test_what_comes_after_the_pause_runs_at_once() -> None:
    address = make_address()
    pause(address)
    resume(address)
    assert deliver(address, standard(address)).execution_id is not None


# --- After it ------------------------------------------------------------------------------------


def test_stored_deliveries_run_in_order_and_once() -> None:
    address = make_address()
    pause(address)
    stored(address, 5)
    resume(address)
    assert run(address) == Ran(started=5, refused=0, left=0)
    assert run(address) == Ran(started=0, refused=0, left=0)
    assert orders(address) == [0, 1, 2, 3, 4]
    rows = kept(address)
    assert {row.hold for row in rows} == {"started"}
    assert None not in {row.execution_id for row in rows}


def test_two_people_who_click_at_once_run_each_delivery_once() -> None:
    address = make_address()
    pause(address)
    stored(address, 20)
    resume(address)
    ran = driving.in_threads(4, lambda number: run(address))
    assert sum(each.started for each in ran) == 20
    assert sorted(orders(address)) == list(range(20))


def test_who_discards_while_another_runs_discards_only_what_does_not_run() -> None:
    address = make_address()
    pause(address)
    stored(address, 20)
    resume(address)
    acts = [run, discard] * 2
    driving.in_threads(4, lambda number: acts[number](address))
    rows = kept(address)
    assert {row.hold for row in rows} <= {"started", "discarded"}
    started = {row.execution_id for row in rows if row.hold == "started"}
    with scope.tenant(address.tenant.id):
        assert started == set(Execution.objects.values_list("id", flat=True))
    assert all(row.execution_id is None for row in rows if row.hold == "discarded")


def test_discarding_waits_for_who_runs_them_and_then_finds_none() -> None:
    """The one that runs them has locked the rows when the other comes."""
    address = make_address()
    pause(address)
    stored(address, 2)
    resume(address)
    other = threading.Thread(target=discard_elsewhere, args=[address])
    with scope.tenant(address.tenant.id):
        assert deliveries.run_waiting(workflow=Workflow.objects.get(), by="alice").started == 2
        other.start()
        wait("the other to wait for a lock", somebody_waits)
    other.join()
    assert {row.hold for row in kept(address)} == {"started"}


def discard_elsewhere(address: Address) -> None:
    try:
        discard(address)
    finally:
        connection.close()


def somebody_waits() -> bool:
    with servers.superuser(environment.DATABASE) as db:
        waits = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        return db.execute(waits).fetchone() is not None


def discard(address: Address) -> int:
    with scope.tenant(address.tenant.id):
        return deliveries.discard_waiting(workflow=Workflow.objects.get())


def test_a_batch_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "BATCH", 2)
    address = make_address()
    pause(address)
    stored(address, 3)
    resume(address)
    assert run(address) == Ran(started=2, refused=0, left=1)
    assert run(address) == Ran(started=1, refused=0, left=0)
    assert orders(address) == [0, 1, 2]


def test_nothing_runs_while_the_workflow_is_paused() -> None:
    address = make_address()
    pause(address)
    stored(address, 1)
    with pytest.raises(Problem, match="is paused"):
        run(address)


def test_what_the_live_version_no_longer_takes_is_marked_and_can_be_sent_again() -> None:
    address = make_address()
    pause(address)
    stored(address, 1)
    with scope.tenant(address.tenant.id):
        workflow = Workflow.objects.get()
    needs_more = document(step("only"), input={"type": "object", "required": ["customer"]})
    factories.publish(workflow, needs_more)
    resume(address)
    assert run(address) == Ran(started=0, refused=1, left=0)
    (row,) = kept(address)
    assert (row.hold, row.reason) == ("refused", "schema_mismatch")
    factories.publish(workflow, document(step("only")))
    assert again(address, row).status == "queued"


def test_discarded_deliveries_never_run() -> None:
    address = make_address()
    pause(address)
    stored(address, 3)
    with scope.tenant(address.tenant.id):
        assert deliveries.discard_waiting(workflow=Workflow.objects.get()) == 3
    resume(address)
    assert run(address) == Ran(started=0, refused=0, left=0)
    assert {row.hold for row in kept(address)} == {"discarded"}
    assert senders.stored().executions == 0


def test_a_run_that_was_forgotten_is_not_run_again() -> None:
    address = make_address()
    pause(address)
    stored(address, 1)
    resume(address)
    run(address)
    with scope.tenant(address.tenant.id):
        Execution.objects.all().delete()
    assert run(address) == Ran(started=0, refused=0, left=0)


# --- Looking -------------------------------------------------------------------------------------


def test_counts_are_by_reason_and_of_one_endpoint(settings: LazySettings) -> None:
    settings.MAX_KEPT_REFUSALS = 1
    address = make_address()
    deliver(address, standard(address))
    for _ in range(3):
        rejected(address, {})
    with scope.tenant(address.tenant.id):
        found = deliveries.counts(address.endpoint())
    assert [count.reason for count in found] == ["accepted", "bad_signature"]
    assert sum(count.kept + count.not_kept for count in found) == 4


def test_a_command_repeats_the_request_and_hides_an_address_that_is_all_it_takes() -> None:
    address = make_address("none")
    deliver(address, {"content-type": "application/json", "authorization": "secret"})
    principal = factories.principal_of(
        factories.make_member(address.tenant, Role.VIEWER), address.tenant
    )
    with scope.tenant(address.tenant.id):
        found = deliveries.find(delivery_id=kept(address)[0].id)
        for caller, shown in ((principal, False), (None, True)):
            command = deliveries.as_curl(found, caller)
            assert (address.token in command) is shown
            assert "authorization: [masked]" in command
            assert BODY.decode() in command
