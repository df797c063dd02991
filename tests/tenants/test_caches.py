"""The cache with Redis, without it, and when it comes back."""

from __future__ import annotations

import pytest
from django.conf import settings

from tenants import caches
from tenants.caches import RedisOrProcess

OPTIONS = settings.CACHES["default"]["OPTIONS"]


def cache_at(url: str) -> RedisOrProcess:
    return RedisOrProcess(url, {"OPTIONS": OPTIONS})


@pytest.mark.usefixtures("db")  # for Valkey, which it starts
def test_processes_share_what_is_in_it() -> None:
    one, other = cache_at(settings.REDIS_URL), cache_at(settings.REDIS_URL)
    assert one.add("n", 1, 60)
    assert not other.add("n", 5, 60)
    assert other.incr("n") == 2
    assert one.get("n") == 2
    assert one.touch("n", 60)
    one.set("n", 7, 60)
    assert other.get("n") == 7
    assert other.delete("n")
    assert one.get("n") is None


@pytest.mark.parametrize("url", ["unix:///nowhere/at/all", "redis://127.0.0.1:1/0"])
def test_without_redis_a_process_goes_on_by_itself(url: str) -> None:
    cache = cache_at(url)
    assert cache.add("n", 1, 60)
    assert not cache.add("n", 1, 60)
    assert cache.incr("n") == 2
    assert cache.get("n") == 2
    assert cache.delete("n")


@pytest.mark.usefixtures("db")  # as above
def test_redis_is_used_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "PAUSE_SECONDS", 0.0)
    cache, away = cache_at(settings.REDIS_URL), cache_at("unix:///nowhere/at/all")
    with monkeypatch.context() as gone:
        gone.setattr(cache, "_cache", away._cache)
        cache.set("n", "here", 60)
    cache.set("n", "there", 60)
    assert cache_at(settings.REDIS_URL).get("n") == "there"
