"""Liveness and readiness, as a load balancer sees them."""

from __future__ import annotations

import pytest
from django.test import Client

from config import health


def test_a_live_process_says_so_without_a_database() -> None:
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_process_is_ready_with_postgres_redis_and_all_migrations() -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"postgres": "ok", "redis": "ok", "migrations": "ok"}


@pytest.mark.django_db
def test_a_process_without_redis_is_not_ready_and_tells_nothing_else(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    health._client.cache_clear()
    monkeypatch.setattr("config.health.settings.REDIS_URL", "unix:///nowhere/valkey.sock")
    try:
        answer = Client().get("/readyz")
    finally:
        health._client.cache_clear()

    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "failed"
    assert "nowhere" not in answer.content.decode()


@pytest.mark.django_db
def test_a_process_with_a_migration_missing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.health._migrations_seen", health._Migrations())
    monkeypatch.setattr(
        "django.db.migrations.recorder.MigrationRecorder.applied_migrations", lambda _: {}
    )

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"postgres": "ok", "redis": "ok", "migrations": "failed"}


def test_only_reading_is_allowed() -> None:
    assert Client().post("/healthz").status_code == 405
