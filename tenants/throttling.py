"""How fast passwords may be tried: failed log-ins are counted, and each further one has to wait.

Three counts are kept of what failed in the last hour: by address and account together, by account
and by address. Beyond its free tries a count lets one more try through, then none for 1 s, 2 s,
4 s ... Where this account has logged in before, only the first count matters: neither who tries it
from elsewhere, nor who tries other accounts from the same address, holds its owner up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.cache import cache

from tenants import addresses

FORGET_SECONDS = 3600
KNOWN_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Count:
    """Tries that failed, of one kind: so many are free, no wait is longer than `longest` (s)."""

    free: int
    longest: int


TOGETHER = Count(free=5, longest=900)
ACCOUNT = Count(free=20, longest=60)
ADDRESS = Count(free=60, longest=60)


@dataclass(frozen=True)
class LoginTry:
    """A password that is about to be looked at, from this network address."""

    address: str
    account: str

    def begin(self) -> bool:
        """Count it as failed; False if it has to wait, and then it does not count.

        It is counted before the password is looked at, so that a thousand at once are a thousand.
        """
        taken: list[str] = []
        for name, count in self._counts():
            if not _take(name, count):
                for undone in taken:
                    _give_back(undone)
                return False
            taken.append(name)
        return True

    def succeed(self) -> None:
        """It was the right password."""
        together, *others = (name for name, _ in self._counts())
        cache.delete(together)
        for name in others:
            _give_back(name)
        cache.set(self._known, True, KNOWN_SECONDS)

    def _counts(self) -> Iterator[tuple[str, Count]]:
        yield _name("together", self._subscriber, self.account), TOGETHER
        if not cache.get(self._known):
            yield _name("account", self.account), ACCOUNT
            yield _name("address", self._subscriber), ADDRESS

    @property
    def _known(self) -> str:
        return _name("known", self._subscriber, self.account)

    @property
    def _subscriber(self) -> str:
        return addresses.subscriber(self.address)


def _name(kind: str, *whose: str) -> str:
    digest = hashlib.sha256("\n".join(whose).encode(errors="replace")).hexdigest()
    return f"login:{kind}:{digest}"


def _take(name: str, count: Count) -> bool:
    cache.add(name, 0, FORGET_SECONDS)
    tries = _change(name, 1)
    if tries <= count.free:
        return True
    wait = min(2 ** min(tries - count.free - 1, 20), count.longest)
    # `add` is one step in Redis: of many at once, one gets through.
    if cache.add(f"{name}:wait", True, wait):
        cache.touch(name, FORGET_SECONDS)
        return True
    _give_back(name)
    return False


def _give_back(name: str) -> None:
    _change(name, -1)


def _change(name: str, by: int) -> int:
    try:
        return int(cache.incr(name, by))
    except ValueError:  # forgotten just now
        return max(by, 0)
