"""How fast passwords may be guessed, and that nobody else is held up by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache

from tenants import throttling
from tenants.caches import RedisOrProcess
from tenants.throttling import LoginTry

pytestmark = pytest.mark.usefixtures("db")  # for Valkey, which it starts

HERE, THERE = "192.0.2.1", "198.51.100.7"
ALICE = "alice@acme.example"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were imposed, in seconds; here none is over before the test is."""
    imposed: list[float] = []
    add = RedisOrProcess.add

    def add_for_long(self: RedisOrProcess, name: str, value: object, seconds: float) -> bool:
        if name.endswith(":wait"):
            imposed.append(seconds)
            seconds = throttling.FORGET_SECONDS
        return add(self, name, value, seconds)

    monkeypatch.setattr(RedisOrProcess, "add", add_for_long)
    return imposed


def fail(address: str, account: str, times: int) -> int:
    """How many of so many tries were let through."""
    return sum(LoginTry(address, account).begin() for _ in range(times))


def test_some_tries_are_free_and_then_one_has_to_wait() -> None:
    assert fail(HERE, ALICE, throttling.TOGETHER.free) == throttling.TOGETHER.free
    assert LoginTry(HERE, ALICE).begin()  # the first beyond: it starts the clock
    assert not LoginTry(HERE, ALICE).begin()


def test_each_wait_is_longer_than_the_last(waits: list[float]) -> None:
    [name, *_] = (name for name, _ in LoginTry(HERE, ALICE)._counts())
    for _ in range(throttling.TOGETHER.free + 12):
        assert LoginTry(HERE, ALICE).begin()
        cache.delete(f"{name}:wait")  # it is over
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_who_sits_behind_the_same_address_is_not_held_up() -> None:
    fail(HERE, ALICE, 50)
    assert LoginTry(HERE, "bob@acme.example").begin()


def test_who_knows_the_account_from_elsewhere_is_not_held_up() -> None:
    owner = LoginTry(THERE, ALICE)
    assert owner.begin()
    owner.succeed()
    for number in range(throttling.ACCOUNT.free + 5):
        LoginTry(f"203.0.113.{number}", ALICE).begin()
    assert not LoginTry("203.0.113.99", ALICE).begin()
    assert LoginTry(THERE, ALICE).begin()


def test_an_account_is_guarded_against_many_addresses() -> None:
    tries = [LoginTry(f"203.0.113.{number}", ALICE) for number in range(40)]
    assert sum(one.begin() for one in tries) == throttling.ACCOUNT.free + 1


def test_many_accounts_are_guarded_against_one_address() -> None:
    tries = [LoginTry(HERE, f"user{number}@acme.example") for number in range(100)]
    assert sum(one.begin() for one in tries) == throttling.ADDRESS.free + 1


def test_one_network_of_ipv6_is_one_address() -> None:
    tries = [LoginTry(f"2001:db8::{number:x}", ALICE) for number in range(10)]
    assert sum(one.begin() for one in tries) == throttling.TOGETHER.free + 1
    assert LoginTry("2001:db8:0:1::1", ALICE).begin()


def test_two_of_ipv4_are_two_at_a_socket_of_both_protocols() -> None:
    fail(f"::ffff:{HERE}", ALICE, throttling.TOGETHER.free + 1)
    assert not LoginTry(HERE, ALICE).begin()
    assert LoginTry(f"::ffff:{THERE}", ALICE).begin()


def test_a_success_forgives_its_own_failures_only() -> None:
    fail(HERE, ALICE, 4)
    fail(HERE, "bob@acme.example", throttling.TOGETHER.free + 1)
    right = LoginTry(HERE, ALICE)
    assert right.begin()
    right.succeed()
    assert fail(HERE, ALICE, 5) == 5
    assert not LoginTry(HERE, "bob@acme.example").begin()


def test_a_try_that_waits_does_not_count() -> None:
    fail(HERE, ALICE, throttling.TOGETHER.free + 1)
    counted = [cache.get(name) for name, _ in LoginTry(HERE, ALICE)._counts()]
    assert fail(HERE, ALICE, 20) == 0
    again = [cache.get(name) for name, _ in LoginTry(HERE, ALICE)._counts()]
    assert again == counted == [6, 6, 6]


def test_many_at_once_are_counted_as_many() -> None:
    with ThreadPoolExecutor(16) as pool:
        let_through = list(pool.map(lambda _: LoginTry(HERE, ALICE).begin(), range(64)))
    assert sum(let_through) == throttling.TOGETHER.free + 1
