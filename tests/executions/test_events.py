"""Events on their way out: rows from Postgres, wake-ups over Redis."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels.layers import get_channel_layer
from django.conf import settings

from executions import events
from executions.events import Publisher
from tenants import scope
from tests import factories
from tests.executions.driving import claimed, new_worker
from tests.workflows.definitions import document, step

MESSAGE = {"type": "execution.wake", "seq": 1}


def test_what_is_published_arrives_at_a_group_of_the_channel_layer(committed_db: None) -> None:
    tenant = factories.make_tenant()
    execution = factories.start_execution(factories.make_workflow(tenant))

    async def arrived() -> object:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        await layer.group_add(events.group(execution.id), channel)
        waiting = asyncio.ensure_future(layer.receive(channel))
        while not waiting.done():  # the subscription itself takes a moment
            await asyncio.to_thread(events.publish, execution.id, 7)
            await asyncio.wait([waiting], timeout=0.05)
        return waiting.result()

    assert asyncio.run(asyncio.wait_for(arrived(), 20)) == {"type": "execution.wake", "seq": 7}


def test_events_are_read_in_order_after_the_last_one_seen(db: None) -> None:
    tenant = factories.make_tenant()
    definition = document(*(step(f"s{number}") for number in range(5)))
    execution = factories.start_execution(factories.make_workflow(tenant, definition))
    claimed(new_worker())
    with scope.tenant(tenant.id):
        every = events.read(execution.id)
        assert [event["seq"] for event in every] == [1, 2, 3, 4, 5, 6, 7]
        assert events.read(execution.id, after=4) == every[4:]
        assert events.read(execution.id, after=1, limit=2) == every[1:3]
        assert events.read(execution.id, after=7) == []


def test_an_event_on_the_wire_says_it_all(db: None) -> None:
    tenant = factories.make_tenant()
    execution = factories.start_execution(factories.make_workflow(tenant))
    with scope.tenant(tenant.id):
        first = events.read(execution.id)[0]
    assert first["at"].endswith("Z")
    assert {name: value for name, value in first.items() if name != "at"} == {
        "seq": 1,
        "kind": "execution.created",
        "step": None,
        "level": "info",
        "message": "Started.",
        "data": {"trigger": "manual"},
    }


def test_another_tenants_events_are_not_there(db: None) -> None:
    execution = factories.start_execution(factories.make_workflow(factories.make_tenant()))
    with scope.tenant(factories.make_tenant().id):
        assert events.read(execution.id) == []


def test_a_dead_redis_costs_one_try_a_second(tmp_path: Path) -> None:
    publisher = Publisher(f"unix://{tmp_path}/nobody", "test", timeout=1.0)
    assert not publisher.publish("group", MESSAGE)
    tries = counted(publisher)
    assert not any(publisher.publish("group", MESSAGE) for _ in range(100))
    assert tries == []


class Silent:
    """A Redis that takes connections and never answers; it counts them."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.connections: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._listening.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Silent]:
    redis = Silent(tmp_path / "silent")
    yield redis
    redis.close()


def test_a_hanging_redis_is_given_up_and_left_alone(silent: Silent) -> None:
    publisher = Publisher(silent.url, "test", timeout=0.1)
    assert not publisher.publish("group", MESSAGE)
    seen = len(silent.connections)
    assert not any(publisher.publish("group", MESSAGE) for _ in range(100))
    assert len(silent.connections) == seen == 1


def test_while_one_caller_waits_for_redis_the_others_go_on(silent: Silent) -> None:
    publisher = Publisher(silent.url, "test", timeout=5.0)
    publisher._closed_until = time.monotonic()  # as after an error, one pause ago
    probe = threading.Thread(target=publisher.publish, args=("group", MESSAGE))
    probe.start()
    while not silent.connections:
        time.sleep(0.01)
    assert not any(publisher.publish("group", MESSAGE) for _ in range(100))
    assert len(silent.connections) == 1
    silent.connections[0].close()
    probe.join()


def test_a_redis_that_is_back_is_used_again(committed_db: None) -> None:
    publisher = Publisher(settings.REDIS_URL, "test", timeout=1.0)
    publisher._closed_until = time.monotonic()
    assert publisher.publish("group", MESSAGE)
    assert publisher.publish("group", MESSAGE)


def counted(publisher: Publisher) -> list[object]:
    """From here on, what the publisher sends to Redis."""
    sent: list[object] = []
    publisher._redis.publish = lambda *message: sent.append(message)  # type: ignore[assignment, method-assign]
    return sent
