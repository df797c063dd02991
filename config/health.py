"""Is this process alive, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; that is all it says."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when Postgres and Redis answer and the schema is up to date, else 503.

    Redis alone being away still means 503, although runs go on without it: live pages do not.
    """
    found = {name: _holds(name, check) for name, check in CHECKS.items()}
    ok = all(found.values())
    body = {
        "status": "ok" if ok else "unavailable",
        "checks": {name: "ok" if holds else "failed" for name, holds in found.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)


def _holds(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, redis.RedisError, OSError) as error:
        log.warning("not ready", check=name, error=str(error))
        return False


def _postgres() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis() -> bool:
    return bool(_client().ping())


def _migrations() -> bool:
    return _migrations_seen.done or _migrations_seen.look()


class _Migrations:
    """Whether every migration of this code was applied; once true, it stays so."""

    def __init__(self) -> None:
        self.done = False

    def look(self) -> bool:
        executor = MigrationExecutor(connection)
        self.done = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        return self.done


_migrations_seen = _Migrations()


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
    )


CHECKS: dict[str, Callable[[], bool]] = {
    "postgres": _postgres,
    "redis": _redis,
    "migrations": _migrations,
}


class HealthMiddleware:
    """Answers the two itself: `live`, which is asked for little else, then never loads all views.

    That spares it 10 MB.
    """

    views: Mapping[str, Callable[[HttpRequest], HttpResponseBase]] = {
        "/healthz": alive,
        "/readyz": ready,
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.views.get(request.path_info, self.get_response)(request)
