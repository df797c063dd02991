"""Receiving on a connection that no test's transaction is open on: as in production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.db import connection

from executions.models import Execution
from tenants import limiter, limits, scope
from tenants.gcra import Rate
from tests.webhooks.senders import BODY, Address, make_address, standard
from webhooks.incoming import Received
from webhooks.models import Delivery
from webhooks.receive import receive

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def address(settings: LazySettings) -> Iterator[Address]:
    """Its endpoint takes six hundred a minute."""
    settings.RATE_WEBHOOKS = Rate(600, 60)
    limiter.limiter.cache_clear()
    made = make_address()
    limits.forget(made.tenant.id)
    yield made
    limiter.limiter.cache_clear()


def send(address: Address, number: int) -> Received:
    headers = standard(address, delivery_id=f"msg_{number}")
    return receive(address.token, headers, {}, BODY)


def test_it_comes_in_whatever_this_process_knows_of_the_limits(address: Address) -> None:
    first = send(address, 1)  # nothing: Redis and Postgres are asked
    second = send(address, 2)  # all of it, and a place that was taken ahead
    limits.forget(address.tenant.id)
    third = send(address, 3)  # a place, but not the tenant's limits
    assert len({one.execution_id for one in (first, second, third)} - {None}) == 3
    with scope.tenant(address.tenant.id):
        assert Delivery.objects.count() == Execution.objects.count() == 3


def test_a_delivery_and_its_run_are_stored_by_one_transaction(address: Address) -> None:
    received = send(address, 1)
    with scope.tenant(address.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.xmin = e.xmin FROM webhooks_delivery d, executions_execution e "
            "WHERE d.id = %s AND e.id = %s",
            [received.delivery_id, received.execution_id],
        )
        assert cursor.fetchone() == (True,)
