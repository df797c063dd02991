"""The limiter on a real Valkey: exact for threads and processes, bounded without it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from config.local.home import PROJECT
from tenants import gcra, limiter
from tenants.gcra import Decision, Rate
from tenants.limiter import PREFIX, Bucket, Limiter, LocalLimiter

SLOW = 3600  # seconds: nothing comes back while a test runs

pytestmark = pytest.mark.usefixtures("django_db_setup")  # which starts Valkey


@pytest.fixture
def shared() -> Limiter:
    return Limiter(settings.REDIS_URL, settings.REDIS_TIMEOUT)


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def bucket(count: int, seconds: int = SLOW) -> Bucket:
    return Bucket(f"test:{uuid.uuid4()}", Rate(count, seconds))


def here(limits: Limiter, *buckets: Bucket) -> Decision:
    decision = limits.take_shared(buckets)
    assert decision is not None, "Valkey did not answer"
    return decision


def test_of_many_threads_at_once_exactly_the_burst_get_through(shared: Limiter) -> None:
    one = bucket(25)
    taken: list[bool] = []
    start = threading.Barrier(8)

    def knock() -> None:
        start.wait()
        taken.extend(here(shared, one).allowed for _ in range(10))

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(taken)) == (80, 25)


def test_of_a_wide_bucket_threads_take_ahead_and_never_more_than_there_is(
    shared: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bucket(400)
    asked: list[int] = []
    ask = shared._run

    def counted(keys: list[str], numbers: list[str]) -> object:
        asked.append(1)
        return ask(keys, numbers)

    monkeypatch.setattr(shared, "_run", counted)
    taken: list[bool] = []

    def knock() -> None:
        taken.extend(shared.take_leased(one).allowed for _ in range(100))

    threads = [threading.Thread(target=knock) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 300
    assert len(asked) < 200
    rest = [shared.take_leased(one).allowed for _ in range(150)]
    assert 90 <= sum(rest) <= 100


def test_what_was_taken_ahead_is_used_soon_or_not_at_all(
    shared: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bucket(1000)
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for expected in (990, 990, 990):
        assert shared.take_leased(one).standings[0].remaining == expected
    now[0] += limiter.LEASE_SECONDS
    assert shared.take_leased(one).standings[0].remaining == 980


def test_ten_are_taken_ahead_and_then_ten_more(shared: Limiter) -> None:
    one = bucket(1000)
    left = [shared.take_leased(one).standings[0].remaining for _ in range(25)]
    assert left == [990] * 10 + [980] * 10 + [970] * 5


def test_of_a_narrow_bucket_nothing_is_taken_ahead(shared: Limiter) -> None:
    one = bucket(199)
    assert [shared.take_leased(one).standings[0].remaining for _ in range(3)] == [198, 197, 196]


def test_two_processes_share_a_bucket(shared: Limiter) -> None:
    one = bucket(10)
    code = (
        "import django; django.setup()\n"
        "from tenants.gcra import Rate\n"
        "from tenants.limiter import Bucket, limiter\n"
        f"one = Bucket({one.name!r}, Rate(10, {SLOW}))\n"
        "print(sum(limiter().take_shared([one]).allowed for _ in range(6)))\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    mine = sum(here(shared, one).allowed for _ in range(6))
    assert (int(other.stdout), mine) == (6, 4)


@trying(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rates=st.lists(
        st.builds(Rate, st.integers(1, 6), st.sampled_from([1, 60, 3600])), min_size=1, max_size=3
    ),
    states=st.lists(st.integers(-5, 120), min_size=3, max_size=3),
)
def test_the_script_does_the_sums_of_the_pure_module(
    rates: list[Rate], states: list[int], shared: Limiter, valkey: redis.Redis
) -> None:
    """From the same states, seconds around now, at the time that the script itself saw."""
    buckets = [Bucket(f"test:{uuid.uuid4()}", rate) for rate in rates]
    seconds, micros = valkey.time()
    now = int(seconds) * gcra.SECOND + int(micros)
    before = [now + state * gcra.SECOND for state in states[: len(rates)]]
    keys = [PREFIX + one.name for one in buckets]
    valkey.mset(dict(zip(keys, before, strict=True)))
    numbers = [str(number) for rate in rates for number in (rate.interval, rate.tolerance)]
    allowed, seen, *after = shared._run(keys, numbers)
    assert (bool(allowed), after) == gcra.take(rates, before, seen)
    if allowed:
        assert valkey.mget(keys) == [str(state).encode() for state in after]


def test_a_refusal_takes_from_no_bucket(shared: Limiter) -> None:
    empty, full = bucket(1), bucket(5)
    here(shared, empty)
    for _ in range(3):
        decision = here(shared, full, empty)
        assert not decision.allowed
        assert decision.refusing.rate == empty.rate
        assert decision.standings[0].remaining == 5


def test_a_look_takes_nothing(shared: Limiter) -> None:
    one, other = bucket(5), bucket(7)
    here(shared, one)
    for _ in range(3):
        assert [each.remaining for each in shared.look([one, other]).standings] == [4, 7]


def test_a_bucket_that_is_full_again_is_kept_no_longer(
    shared: Limiter, valkey: redis.Redis
) -> None:
    one = bucket(100, 60)
    here(shared, one)
    here(shared, one)
    left = int(str(valkey.pttl(PREFIX + one.name)))
    assert 0 < left <= 1200  # two of 600 ms each


def test_a_script_that_redis_has_forgotten_is_given_again(
    shared: Limiter, valkey: redis.Redis
) -> None:
    one = bucket(2)
    here(shared, one)
    valkey.script_flush()
    assert here(shared, one).standings[0].remaining == 0


def test_without_redis_the_process_counts_for_itself(tmp_path: Path) -> None:
    alone = Limiter(f"unix://{tmp_path}/nobody", 0.2)
    one = bucket(3)
    assert [alone.take([one]).allowed for _ in range(5)] == [True] * 3 + [False] * 2
    assert alone.look([one]).standings[0].remaining == 0
    assert alone.take_shared([one]) is None


def test_a_redis_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/hangs")
        listener.listen()
        alone = Limiter(f"unix://{tmp_path}/hangs", 0.2)
        one = bucket(100)
        for _ in range(50):
            assert alone.take([one]).allowed
        listener.accept()[0].close()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody else asked
            listener.accept()


def test_redis_is_asked_again_after_a_pause(
    shared: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shared._not_before = now[0] + limiter.PAUSE_SECONDS
    one = bucket(5)
    assert shared.take_shared([one]) is None
    now[0] += limiter.PAUSE_SECONDS
    assert shared.take_shared([one]) is not None


def test_of_those_that_come_after_the_pause_one_asks(shared: Limiter) -> None:
    shared._not_before = 0.001  # long ago
    one = bucket(5)
    with shared._probing:
        assert shared.take_shared([one]) is None
    assert shared.take_shared([one]) is not None


def test_a_process_keeps_a_bounded_number_of_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MAX_BUCKETS", 10)
    now = [10**9]
    local = LocalLimiter(lambda: now[0])
    flooded = Bucket("flooded", Rate(2, 60))
    local.take([flooded])
    now[0] += 1
    local.take([flooded])
    for number in range(100):
        now[0] += 1
        local.take([Bucket(str(number), Rate(2, 60))])
    assert len(local._states) <= 10
    assert not local.take([flooded]).allowed, "the one that is furthest from full is kept"


def test_a_process_s_own_clock_fills_its_buckets() -> None:
    now = [0]
    local = LocalLimiter(lambda: now[0])
    one = Bucket("one", Rate(1, 60))
    assert [local.take([one]).allowed for _ in range(2)] == [True, False]
    now[0] += 60 * gcra.SECOND
    assert local.take([one]).allowed
