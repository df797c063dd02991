"""Rate limits that all processes share: one atomic script in Redis, by Redis's clock.

While Redis is away each process counts for itself, so a deployment of n processes lets n times as
much through, and starts with full buckets. Redis is then left alone for a second at a time and
asked by one caller, so that none waits for it twice and the others not at all.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from tenants import gcra
from tenants.gcra import Decision, Rate

log = structlog.get_logger(__name__)

PREFIX = "stepwell:rate:"
PAUSE_SECONDS = 1.0  # after an error, before Redis is tried again
LEASE_SECONDS = 1.0  # that a process may use what it took ahead
MAX_LEASED = 10  # of a bucket at once
MAX_BUCKETS = 10_000  # that a process keeps while Redis is away

# KEYS: buckets. ARGV: the interval and the tolerance of each, in microseconds. Returns whether one
# was taken of each, the time, and the states. A bucket that is full again is no longer kept.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local states, allowed = {}, 1
for i, key in ipairs(KEYS) do
  states[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
  if states[i] - now > tonumber(ARGV[2 * i]) then allowed = 0 end
end
if allowed == 1 then
  for i, key in ipairs(KEYS) do
    states[i] = states[i] + ARGV[2 * i - 1]
    redis.call('SET', key, string.format('%.0f', states[i]),
               'PX', math.ceil((states[i] - now) / 1000))
  end
end
return {allowed, now, unpack(states)}
"""
_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()  # Redis's name for it


@dataclass(frozen=True)
class Bucket:
    """What is counted under a name, and how much of it there may be."""

    name: str
    rate: Rate


class LocalLimiter:
    """The buckets of one process; `clock` gives microseconds."""

    def __init__(self, clock: Callable[[], int] = lambda: time.monotonic_ns() // 1000) -> None:
        self._clock = clock
        self._lock = Lock()
        self._states: dict[str, int] = {}

    def take(self, buckets: Sequence[Bucket]) -> Decision:
        """Take one of every bucket, or of none."""
        names, rates = _parts(buckets)
        with self._lock:
            now = self._clock()
            known = [self._states.get(name, 0) for name in names]
            allowed, states = gcra.take(rates, known, now)
            if allowed:
                self._make_room(now)
                self._states.update(zip(names, states, strict=True))
        return gcra.decision(allowed, rates, states, now)

    def look(self, buckets: Sequence[Bucket]) -> Decision:
        """How the buckets stand; nothing is taken."""
        names, rates = _parts(buckets)
        with self._lock:
            states = [self._states.get(name, 0) for name in names]
            return gcra.decision(True, rates, states, self._clock())

    def is_empty(self, bucket: Bucket) -> bool:
        """Whether nothing is left of a bucket; most have never been asked for."""
        state = self._states.get(bucket.name)
        return state is not None and state - self._clock() > bucket.rate.tolerance

    def _make_room(self, now: int) -> None:
        if len(self._states) < MAX_BUCKETS:
            return
        kept = {name: state for name, state in self._states.items() if state > now}
        # Should all be in use, those go that are nearest to being full again.
        newest = sorted(kept.items(), key=lambda pair: pair[1])[-MAX_BUCKETS // 2 :]
        self._states = dict(newest)


class Leases:
    """What a process has taken ahead, by bucket, until when, and how the bucket stood then."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: dict[str, tuple[int, float, Decision]] = {}

    def use(self, name: str) -> Decision | None:
        """Use one, if there is one."""
        with self._lock:
            left, until, decision = self._left.pop(name, (0, 0.0, None))
            if decision is None or time.monotonic() >= until:
                return None
            if left > 1:
                self._left[name] = (left - 1, until, decision)
            return decision

    def keep(self, name: str, count: int, decision: Decision) -> None:
        """Have so many for LEASE_SECONDS, instead of what was left."""
        with self._lock:
            if len(self._left) >= MAX_BUCKETS:
                self._left.clear()
            self._left[name] = (count, time.monotonic() + LEASE_SECONDS, decision)


class Limiter:
    """Buckets in Redis; while it is away, this process's own."""

    def __init__(self, url: str, timeout: float) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._local = LocalLimiter()
        self._leases = Leases()
        self._probing = Lock()
        self._not_before = 0.0  # by the monotonic clock; 0 while Redis answers

    def take(self, buckets: Sequence[Bucket]) -> Decision:
        """Take one of every bucket, or of none. Never raises."""
        return self.take_shared(buckets) or self._local.take(buckets)

    def take_leased(self, bucket: Bucket) -> Decision:
        """As `take` of one bucket, for who asks a hundred times a second.

        Of a wide bucket the process takes some ahead, for LEASE_SECONDS, and asks Redis for every
        tenth only. At most a hundredth of it can so be left unused in a process.
        """
        some = min(MAX_LEASED, bucket.rate.count // 100)
        if some < 2:
            return self.take([bucket])
        leased = self.use_leased(bucket)
        if leased is not None:
            return leased
        decision = self.take_shared([bucket], cost=some)
        if decision is None:
            return self._local.take([bucket])
        if not decision.allowed:
            return self.take([bucket])
        self._leases.keep(bucket.name, some - 1, decision)
        return decision

    def use_leased(self, bucket: Bucket) -> Decision | None:
        """One of what the process took ahead, if anything is left of it; asks nobody."""
        return self._leases.use(bucket.name)

    def take_shared(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision | None:
        """As `take`, of so many; None while Redis is away."""
        names, rates = _parts(buckets)
        keys = [PREFIX + name for name in names]
        pairs = [(rate.interval * cost, rate.tolerance_for(cost)) for rate in rates]
        numbers = [str(number) for pair in pairs for number in pair]
        answer = self._ask(lambda: self._run(keys, numbers))
        if answer is None:
            return None
        allowed, now, *states = answer
        return gcra.decision(bool(allowed), rates, states, now)

    def look(self, buckets: Sequence[Bucket]) -> Decision:
        """How the buckets stand; nothing is taken. Never raises."""
        names, rates = _parts(buckets)
        if not names:
            return gcra.decision(True, [], [], 0)
        answer = self._ask(lambda: self._read([PREFIX + name for name in names]))
        if answer is None:
            return self._local.look(buckets)
        (seconds, micros), found = answer
        states = [int(state or 0) for state in found]
        return gcra.decision(True, rates, states, int(seconds) * gcra.SECOND + int(micros))

    def _run(self, keys: list[str], numbers: list[str]) -> Any:
        """The script, by its hash: redis-py's own wrapper of one takes twice the time."""
        try:
            return self._redis.evalsha(_SHA, len(keys), *keys, *numbers)
        except NoScriptError:  # a Redis that was started anew, or emptied
            return self._redis.eval(_TAKE, len(keys), *keys, *numbers)

    def _read(self, keys: list[str]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.mget(keys)
            return pipeline.execute()

    def _ask(self, command: Callable[[], Any]) -> Any:
        """Redis's answer, or None while it is away."""
        if not self._not_before:
            return self._try(command)
        if time.monotonic() < self._not_before or not self._probing.acquire(blocking=False):
            return None
        try:
            return self._try(command)
        finally:
            self._probing.release()

    def _try(self, command: Callable[[], Any]) -> Any:
        try:
            answer = command()
        except redis.RedisError as error:
            log.warning("rates are limited in each process by itself", error=str(error))
            self._not_before = time.monotonic() + PAUSE_SECONDS
            return None
        self._not_before = 0.0
        return answer


@cache
def limiter() -> Limiter:
    """This process's."""
    return Limiter(settings.REDIS_URL, settings.REDIS_TIMEOUT)


def _parts(buckets: Sequence[Bucket]) -> tuple[list[str], list[Rate]]:
    return [bucket.name for bucket in buckets], [bucket.rate for bucket in buckets]
