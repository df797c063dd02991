"""The cache: counts of what people try, and codes that were used; nothing is missed for long."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)

MAX_ENTRIES = 10_000  # in a process's own memory
PAUSE_SECONDS = 1.0  # after an error, before Redis is tried again


class RedisOrProcess(RedisCache):
    """Redis, whose counters all processes share; while it is away, this process's own memory.

    So a Redis that is gone neither locks everybody out nor lets a password be guessed unhindered.
    """

    # Every thread has a cache of its own; what they find out of Redis, and the memory, they share.
    _away_until: ClassVar[dict[str, float]] = {}

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._server = server
        self._meanwhile = LocMemCache(server, {"OPTIONS": {"MAX_ENTRIES": MAX_ENTRIES}})

    def add(self, *args: Any, **kwargs: Any) -> bool:
        added: bool = self._ask("add", args, kwargs)
        return added

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", args, kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._ask("set", args, kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        touched: bool = self._ask("touch", args, kwargs)
        return touched

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        deleted: bool = self._ask("delete", args, kwargs)
        return deleted

    def incr(self, *args: Any, **kwargs: Any) -> int:
        counted: int = self._ask("incr", args, kwargs)
        return counted

    def _ask(self, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if time.monotonic() >= self._away_until.get(self._server, 0.0):
            try:
                return getattr(super(), verb)(*args, **kwargs)
            except RedisError as error:
                log.warning("the cache is away", error=str(error))
                self._away_until[self._server] = time.monotonic() + PAUSE_SECONDS
        return getattr(self._meanwhile, verb)(*args, **kwargs)
