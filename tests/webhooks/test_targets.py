"""What is remembered of an endpoint counts only as long as it is so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from executions.models import Execution
from tenants import pipeline, scope
from tenants.problems import Problem
from tests import factories
from tests.webhooks import pausing, senders
from tests.webhooks.senders import Address, Stored, deliver, kept, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import services, targets
from webhooks.models import Delivery, Endpoint
from workflows import services as workflows
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

FIRST = Stored(deliveries=1, executions=1, events=1)


@pytest.fixture
def address() -> Address:
    """An endpoint at which a request came in, so that this process remembers it."""
    made = make_address()
    deliver(made, standard(made, delivery_id="before"))
    assert targets.known(made.token) is not None
    return made


def trips() -> int:
    """How often this thread's connection went to Postgres with statements of the hot path."""
    assert connection.connection is not None
    return pipeline.of(connection.connection)._trips


def change(address: Address, **values: Any) -> None:
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.change(endpoint=endpoint, **values)


def delete(address: Address) -> None:
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.delete(endpoint=endpoint)


def archive(address: Address) -> None:
    with scope.tenant(address.tenant.id):
        workflows.archive(workflow=Workflow.objects.get())


def test_the_second_request_costs_one_round_trip(address: Address) -> None:
    before = trips()
    deliver(address, standard(address, delivery_id="now"))
    assert trips() == before + 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda address: change(address, enabled=False), 404),
        (delete, 404),
        (lambda address: change(address, allowed_ips=["192.0.2.1"]), 403),
        (archive, 409),
    ],
    ids=["disabled", "deleted", "allowed elsewhere", "archived"],
)
def test_a_change_is_seen_by_the_next_request(
    address: Address, change: Callable[[Address], None], status: int
) -> None:
    change(address)
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, delivery_id="now"), client="198.51.100.7")
    assert refused.value.status == status
    assert senders.stored().executions == 1


def test_what_was_refused_is_let_in_once_it_may(address: Address) -> None:
    change(address, allowed_ips=["192.0.2.1"])
    deliver(address, standard(address, delivery_id="there"), client="192.0.2.1")
    change(address, allowed_ips=[])
    deliver(address, standard(address, delivery_id="here"), client="198.51.100.7")
    assert senders.stored().executions == 3


def test_a_new_version_is_run_at_once(address: Address) -> None:
    with scope.tenant(address.tenant.id):
        workflow = Workflow.objects.get()
    factories.publish(workflow, document(step("another")))
    deliver(address, standard(address, delivery_id="now"))
    with scope.tenant(address.tenant.id):
        runs = Execution.objects.order_by("id")
        assert list(runs.values_list("version__number", flat=True)) == [1, 2]


def test_a_paused_workflow_begins_nothing_from_the_next_request_on(address: Address) -> None:
    pausing.pause(address)
    received = deliver(address, standard(address, delivery_id="held"))
    assert (received.paused, received.execution_id) == (True, None)
    pausing.resume(address)
    assert not deliver(address, standard(address, delivery_id="now")).paused


def test_the_answer_is_the_one_of_now(address: Address) -> None:
    change(address, answer="wait")
    assert deliver(address, standard(address, delivery_id="now")).answer == "wait"


def test_a_secret_that_ends_is_not_remembered(address: Address) -> None:
    """Nothing is changed when its time is over, so nothing would say so."""
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        fresh = services.rotate(endpoint=endpoint).secret
    for delivery_id, secret in (("old", address.secret), ("new", fresh)):
        deliver(address, standard(address, delivery_id=delivery_id, secret=secret))
        assert targets.known(address.token) is None


def test_a_rotated_secret_is_good_no_longer_than_its_time(address: Address) -> None:
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.rotate(endpoint=endpoint)
        Endpoint.objects.update(previous_expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, delivery_id="late"))
    assert refused.value.status == 401


def test_a_duplicate_is_one_whatever_is_remembered(address: Address) -> None:
    again = deliver(address, standard(address, delivery_id="before"))
    assert again.duplicate
    assert senders.stored() == FIRST


def test_a_refusal_is_kept_once_though_it_was_looked_at_twice(address: Address) -> None:
    with pytest.raises(Problem):
        deliver(address, standard(address, delivery_id="now", secret="whsec_" + "b" * 32))
    refused = [delivery for delivery in kept(address) if delivery.status == 401]
    assert len(refused) == 1
    with scope.tenant(address.tenant.id):
        assert Delivery.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda address: change(address, enabled=False), 404),
        (lambda address: change(address, allowed_ips=["192.0.2.1"]), 403),
    ],
    ids=["disabled", "allowed elsewhere"],
)
def test_a_repeat_is_answered_by_what_is_so_now(
    address: Address, change: Callable[[Address], None], status: int
) -> None:
    """What is stored already says nothing of who may ask for it."""
    change(address)
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, delivery_id="before"), client="198.51.100.7")
    assert refused.value.status == status


def test_a_repeat_with_a_secret_that_is_no_longer_good_is_refused(address: Address) -> None:
    with scope.tenant(address.tenant.id):
        services.rotate(endpoint=Endpoint.objects.get())
        Endpoint.objects.update(previous_expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, delivery_id="before"))
    assert refused.value.status == 401


def test_a_repeat_that_is_not_what_is_asked_for_is_answered_by_what_is_so_now(
    address: Address,
) -> None:
    change(address, enabled=False)
    body = b"{"
    with pytest.raises(Problem) as refused:
        deliver(address, standard(address, body, delivery_id="before"), body)
    assert refused.value.status == 404
