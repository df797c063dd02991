"""Wake-ups: enough of them, and never in the way when Redis is."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import LazySettings, settings
from django.db import transaction

from executions import dispatch, services
from tenants import scope
from tests import factories, servers
from tests.executions.driving import claimed, finish, new_worker, started
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def working_again() -> Iterator[None]:
    """Each test begins and ends with a breaker that is closed and clients of the real Redis.

    What tests without commits have sent there is none of its business.
    """
    _forget()
    servers.flush_valkey()
    yield
    _forget()


def _forget() -> None:
    late = dispatch._waker()._late
    if late is not None:
        late.join()  # else its wake-up would come in the next test
    dispatch._queue.cache_clear()
    dispatch._waker.cache_clear()


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10  # seconds; against hanging
    while not so():
        assert time.monotonic() < end
        time.sleep(0.005)


def queued() -> int:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return int(str(client.llen(dispatch.QUEUE)))


def test_as_many_wake_ups_are_sent_as_asked_for() -> None:
    dispatch.wake(3)
    assert queued() == 3


def test_nothing_is_sent_for_nothing() -> None:
    dispatch.wake(0)
    assert queued() == 0


def test_the_queue_never_grows_beyond_enough() -> None:
    for _ in range(5):
        dispatch.wake(20)
        time.sleep(dispatch.WINDOW_SECONDS * 2)
    assert queued() == dispatch.ENOUGH


def test_a_burst_is_announced_at_once_and_when_it_is_over() -> None:
    for _ in range(50):
        dispatch.wake(1)
    until(lambda: queued() >= 2)
    assert queued() < 50


def test_a_start_wakes_a_worker_once_it_is_committed() -> None:
    workflow = factories.make_workflow(factories.make_tenant(), document(step("a"), step("b")))
    with scope.tenant(workflow.tenant_id):
        services.start(workflow=workflow, kind="manual", body=None)
        assert queued() == 0
    assert queued() == 1


def test_whoever_begins_a_run_learns_that_others_are_needed() -> None:
    for steps, needed in (([step("a")], False), ([step("a"), step("b")], True)):
        started(factories.make_tenant(), document(*steps))
        assert claimed(new_worker()).more is needed


def test_a_start_that_is_rolled_back_wakes_nobody() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    with scope.tenant(workflow.tenant_id):
        services.start(workflow=workflow, kind="manual", body=None)
        transaction.set_rollback(True)
    assert queued() == 0


def test_a_chain_costs_one_wake_up() -> None:
    started(factories.make_tenant(), document(step("a"), step("b", "a"), step("c", "b")))
    worker_id = new_worker()
    time.sleep(dispatch.WINDOW_SECONDS * 2)
    claim = claimed(worker_id)
    while (following := finish(claim, worker_id)) is not None:
        claim = following
    assert queued() == 1


def test_a_fan_out_wakes_a_worker_for_each_further_branch() -> None:
    started(factories.make_tenant(), document(step("a"), *(step(x, "a") for x in "bcd")))
    worker_id = new_worker()
    time.sleep(dispatch.WINDOW_SECONDS * 2)
    finish(claimed(worker_id), worker_id)
    assert queued() == 1 + 2


def test_without_redis_a_start_goes_through_and_redis_is_left_alone(
    settings: LazySettings, tmp_path: Path
) -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    settings.REDIS_URL = f"unix://{tmp_path}/nobody"
    dispatch.wake(1)
    # A Redis appears there; within the pause nobody asks it.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(urlsplit(settings.REDIS_URL).path)
        listener.listen()
        listener.setblocking(False)
        execution = factories.start_execution(workflow)
        dispatch.wake(1)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert execution.status == "queued"
