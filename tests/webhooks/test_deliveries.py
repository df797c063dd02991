"""Stored requests: counted, sent again, and run or discarded after a pause."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404

from executions.models import Execution
from tenants import scope
from tenants.problems import Problem
from tenants.roles import Role
from tests import environment, factories, servers
from tests.executions import driving
from tests.faults.waiting import wait
from tests.webhooks import senders
from tests.webhooks.senders import BODY, Address, deliver, kept, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import deliveries
from webhooks.deliveries import Ran
from webhooks.models import Delivery
from webhooks.receive import receive
from workflows import pausing
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

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


def run(address: Address) -> Ran:
    with scope.tenant(address.tenant.id):
        return deliveries.run_waiting(workflow=Workflow.objects.get(), by="alice")


def orders(address: Address) -> list[Any]:
    """What the runs were started with, in the order in which they are claimed."""
    with scope.tenant(address.tenant.id):
        runs = Execution.objects.order_by("due_at", "id")
        return [each.trigger["body"]["order_id"] for each in runs]


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


def test_a_delivery_that_is_sent_again_makes_a_linked_run_with_the_same_trigger() -> None:
    address = make_address()
    receive(address.token, {**standard(address), "x-shop": "north"}, {"page": "2"}, BODY)
    (row,) = kept(address)
    made = again(address, row)
    with scope.tenant(address.tenant.id):
        first = Execution.objects.get(origin=None)
        (link,) = row.resends.all()
    assert row.execution_id == first.id
    assert (made.trigger_kind, made.origin_id) == ("webhook", first.id)
    assert (link.execution_id, link.by) == (made.id, "alice")
    same = {**first.trigger, "received_at": made.trigger["received_at"]}
    assert made.trigger == same


def test_a_delivery_keeps_all_its_runs() -> None:
    address = make_address()
    deliver(address, standard(address))
    (row,) = kept(address)
    made = [again(address, row).id for _ in range(2)]
    with scope.tenant(address.tenant.id):
        assert [link.execution_id for link in row.resends.all()] == made
        by_run = deliveries.listed(address.endpoint(), {"execution": made[1]})
        assert [found.id for found in by_run] == [row.id]
    assert kept(address)[0].execution_id == row.execution_id


def test_a_request_that_did_not_fit_runs_once_the_workflow_is_mended() -> None:
    address = make_address(definition=STRICT)
    row = rejected(address, standard(address, b"{}"), b"{}")
    assert refused(address, row) == "input-mismatch"
    with scope.tenant(address.tenant.id):
        workflow = Workflow.objects.get()
    factories.publish(workflow, document(step("only")))
    assert again(address, row).trigger["body"] == {}


def test_a_body_that_is_no_json_is_still_none() -> None:
    address = make_address()
    row = rejected(address, standard(address, b"{"), b"{")
    assert refused(address, row) == "not-json"


def test_a_request_of_nobody_knows_whom_runs_only_if_somebody_vouches_for_it() -> None:
    address = make_address()
    row = rejected(address, {})
    assert refused(address, row) == "unverified"
    assert refused(address, row, may_vouch=True) == "unverified"
    with pytest.raises(PermissionDenied):
        again(address, row, unverified=True)
    made = again(address, row, unverified=True, may_vouch=True)
    assert made.trigger["body"] == {"order_id": "1001"}


def test_a_request_that_was_not_kept_whole_cannot_be_sent_again() -> None:
    address = make_address()
    row = rejected(address, {}, b'"' + b"x" * 70_000 + b'"')
    assert refused(address, row, unverified=True, may_vouch=True) == "not-kept"


def test_a_stored_delivery_is_run_or_discarded_but_not_sent_again() -> None:
    address = make_address()
    pause(address)
    stored(address, 1)
    assert refused(address, kept(address)[0]) == "waiting"


def test_a_paused_workflow_takes_nothing_that_is_sent_again() -> None:
    address = make_address()
    deliver(address, standard(address))
    pause(address)
    assert refused(address, kept(address)[0]) == "paused"


def test_another_tenants_delivery_is_not_found() -> None:
    address = make_address()
    deliver(address, standard(address))
    ident: UUID = kept(address)[0].id
    with scope.tenant(factories.make_tenant().id), pytest.raises(Http404):
        deliveries.find(delivery_id=ident)


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
