"""The cache: counts of what people try, and codes that were used; nothing is missed for long."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0  # after an error, before Redis is tried again


class RedisOrProcess(RedisCache):
    """Redis, whose counters all processes share; while it is away, this process's own memory.

    So a Redis that is gone neither locks everybody out nor lets a password be guessed unhindered.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._meanwhile = LocMemCache("meanwhile", {})
        self._away_until = 0.0

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
        if time.monotonic() >= self._away_until:
            try:
                return getattr(super(), verb)(*args, **kwargs)
            except RedisError as error:
                log.warning("the cache is away", error=str(error))
                self._away_until = time.monotonic() + PAUSE_SECONDS
        return getattr(self._meanwhile, verb)(*args, **kwargs)
