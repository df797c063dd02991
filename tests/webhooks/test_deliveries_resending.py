"""Deliveries that somebody sends again."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.webhooks.pausing import STRICT, again, pause, refused, rejected, stored
from tests.webhooks.senders import BODY, deliver, kept, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import deliveries
from webhooks.receive import receive
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")


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
