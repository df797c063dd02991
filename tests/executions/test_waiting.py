"""Callers who wait: woken at once, never too many, and with nothing of the database in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis
from django.db import OperationalError, connection
from django.test import override_settings

from executions import events, waiting
from tests import environment, factories, servers
from tests.executions.driving import in_threads
from tests.faults.waiting import wait

pytestmark = pytest.mark.usefixtures("committed_db")

LONG = 60.0  # seconds; no test waits for so long


class Waiter:
    """A caller in a thread of its own who waits until `found` is filled."""

    def __init__(self, pool: ThreadPoolExecutor, *, seconds: float = LONG) -> None:
        self.execution_id = uuid4()
        self.found: list[str] = []
        self.looks = 0
        self.future = pool.submit(self._wait, factories.make_tenant().id, seconds)

    def _wait(self, tenant_id: UUID, seconds: float) -> str | None:
        try:
            return waiting.until(
                self._find, tenant_id=tenant_id, execution_id=self.execution_id, seconds=seconds
            )
        finally:
            connection.close()

    def _find(self) -> str | None:
        self.looks += 1
        return self.found[0] if self.found else None

    def wake(self) -> None:
        events.publish(self.execution_id, 1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


@pytest.fixture
def never_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", LONG)


@pytest.fixture
def no_redis(tmp_path: Path) -> Iterator[None]:
    waiting._client.cache_clear()
    with override_settings(REDIS_URL=f"unix://{tmp_path}/nobody"):
        yield
    waiting._client.cache_clear()


def test_what_is_there_already_is_found_at_once(pool: ThreadPoolExecutor) -> None:
    assert waiting.until(
        lambda: "there", tenant_id=factories.make_tenant().id, execution_id=uuid4(), seconds=0
    )


def test_an_event_wakes_the_caller(pool: ThreadPoolExecutor, never_polling: None) -> None:
    waiter = Waiter(pool)
    wait("the first look", lambda: waiter.looks == 1)
    waiter.found.append("it")
    waiter.wake()
    assert waiter.future.result(LONG / 2) == "it"


def test_an_event_without_news_sends_nobody_away(
    pool: ThreadPoolExecutor, never_polling: None
) -> None:
    waiter = Waiter(pool)
    wait("the first look", lambda: waiter.looks == 1)
    waiter.wake()
    wait("the next look", lambda: waiter.looks == 2)
    assert not waiter.future.done()
    waiter.found.append("it")
    waiter.wake()
    assert waiter.future.result(LONG / 2) == "it"


@pytest.mark.parametrize("lost", ["the wake-up", "Redis"])
def test_without_a_wake_up_the_caller_looks_by_himself(
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    lost: str,
) -> None:
    if lost == "Redis":
        request.getfixturevalue("no_redis")
        monkeypatch.setattr(waiting, "POLL_SECONDS", LONG)
    else:
        monkeypatch.setattr(waiting, "AWAY_SECONDS", LONG)
    waiter = Waiter(pool)
    wait("the first look", lambda: waiter.looks == 1)
    waiter.found.append("it")
    assert waiter.future.result(LONG / 2) == "it"


def test_a_redis_that_goes_away_meanwhile_is_done_without(
    pool: ThreadPoolExecutor, never_polling: None
) -> None:
    waiter = Waiter(pool)
    wait("the first look", lambda: waiter.looks == 1)
    with redis.Redis.from_url(environment.variables()["REDIS_URL"]) as client:
        client.client_kill_filter(_type="pubsub")
    waiter.found.append("it")
    assert waiter.future.result(LONG / 2) == "it"


def test_a_postgres_that_is_away_is_waited_for() -> None:
    looks = iter([OperationalError("away"), None])

    def find() -> str:
        fault = next(looks)
        if fault is not None:
            raise fault
        return "it"

    assert (
        waiting.until(
            find, tenant_id=factories.make_tenant().id, execution_id=uuid4(), seconds=LONG
        )
        == "it"
    )


def test_who_found_nothing_in_time_is_told_so(pool: ThreadPoolExecutor) -> None:
    assert Waiter(pool, seconds=0.05).future.result(LONG / 2) is None


def connections() -> int:
    """Those of the app's role to this test's database."""
    with servers.superuser("postgres") as db:
        rows = db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s",
            [environment.DATABASE, environment.APP],
        ).fetchone()
    assert rows is not None
    return int(str(rows[0]))


def test_a_caller_who_waits_has_no_connection_to_postgres(
    pool: ThreadPoolExecutor, never_polling: None
) -> None:
    waiter = Waiter(pool)
    wait("the first look", lambda: waiter.looks == 1)
    connection.close()
    wait("nobody to be connected", lambda: connections() == 0)
    assert not waiter.future.done()
    waiter.found.append("it")
    waiter.wake()
    assert waiter.future.result(LONG / 2) == "it"


# --- Not too many ------------------------------------------------------------------------------


@override_settings(MAX_WAITERS=2)
def test_one_more_than_may_wait_only_looks(pool: ThreadPoolExecutor, never_polling: None) -> None:
    waiting_ones = [Waiter(pool) for _ in range(2)]
    wait("the first looks", lambda: [each.looks for each in waiting_ones] == [1, 1])
    more = Waiter(pool)
    assert more.future.result(LONG / 2) is None
    assert more.looks == 1
    for waiter in waiting_ones:
        waiter.found.append("it")
        waiter.wake()
        assert waiter.future.result(LONG / 2) == "it"


@override_settings(MAX_WAITERS=0)
def test_who_may_not_wait_still_gets_what_is_there() -> None:
    found = waiting.until(
        lambda: "there", tenant_id=factories.make_tenant().id, execution_id=uuid4(), seconds=LONG
    )
    assert found == "there"


@override_settings(MAX_WAITERS=1)
def test_a_place_is_free_again_however_its_wait_ended() -> None:
    tenant_id = factories.make_tenant().id
    looks: list[None] = []

    def until(find: Callable[[], str | None], seconds: float = LONG) -> str | None:
        return waiting.until(find, tenant_id=tenant_id, execution_id=uuid4(), seconds=seconds)

    def fault() -> str:
        raise ValueError("ours")

    def second_look() -> str | None:
        looks.append(None)
        return "it" if len(looks) > 1 else None

    with pytest.raises(ValueError, match="ours"):
        until(fault)
    assert until(lambda: None, seconds=0.01) is None
    assert until(second_look) == "it", "nobody without a place looks twice"


def _hears(_: int) -> bool:
    with waiting.Wakeups(uuid4()) as wakeups:
        return wakeups._listener is not None


def test_threads_that_make_the_first_client_at_the_same_time_all_listen() -> None:
    for _ in range(20):
        waiting._client.cache_clear()
        assert all(in_threads(8, _hears))
