"""Calls without a valid key: so many of an address, and nobody's good key pays for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants import scope, services, strangers
from tenants.gcra import Rate
from tenants.models import ApiKey
from tenants.roles import PERMISSIONS, Role
from tests.callers import PASSWORD, Caller, owner_of

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

HOUR = 3600  # so that no place comes back while a test runs
WRONG = "sw_0123456789ab_" + "x" * 43


@pytest.fixture(autouse=True)
def three_an_hour(settings: LazySettings) -> Iterator[None]:
    settings.RATE_UNKNOWN_KEYS = Rate(3, HOUR)
    strangers.forget()
    yield
    strangers.forget()


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


def call(token: str | None = None, path: str = "usage/", **more: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client().get(f"/api/v1/{path}", headers=headers, **more)


@pytest.mark.parametrize("token", [None, "", WRONG, "sw_x_y", "nonsense", "sw_é_é"])
def test_beyond_the_rate_the_answer_is_429_and_nothing_is_looked_up(token: str | None) -> None:
    assert [call(token).status_code for _ in range(3)] == [401] * 3
    with CaptureQueriesContext(connection) as asked:
        answer = call(token)
    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:stepwell:problem:rate-limited"
    assert answer.json()["errors"] == [{"code": "unknown-keys", "message": "At most 3/h."}]
    assert 0 < int(answer["Retry-After"]) <= HOUR / 3
    assert len(asked) == 0


def test_wrong_missing_and_revoked_keys_count_together(acme: Caller) -> None:
    assert call(acme.token).status_code == 200
    with scope.tenant(acme.tenant_id):
        services.revoke_key(key=ApiKey.objects.get(), by=PERMISSIONS[Role.OWNER])
    assert [call(one).status_code for one in (acme.token, WRONG, None)] == [401] * 3
    assert [call(one).status_code for one in (acme.token, WRONG, None)] == [429] * 3


def test_a_key_that_is_in_use_goes_on_whatever_comes_from_its_address(acme: Caller) -> None:
    assert call(acme.token).status_code == 200
    for number in range(10):
        call(f"{WRONG}{number}")
    assert call(WRONG).status_code == 429
    assert [call(acme.token).status_code for _ in range(5)] == [200] * 5


def test_a_key_that_is_half_right_is_not_known(acme: Caller) -> None:
    assert acme.token
    call(acme.token)
    guesses = [f"{acme.token[:-1]}{letter}" for letter in "abcd" if letter != acme.token[-1]]
    assert [call(guess).status_code for guess in guesses[:3]] == [401] * 3
    assert call(guesses[0]).status_code == 429


def test_a_valid_key_uses_up_nothing(acme: Caller) -> None:
    for _ in range(9):
        assert call(acme.token).status_code == 200
    assert [call(None).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_a_new_key_waits_for_a_place_of_its_address_and_of_no_other(acme: Caller) -> None:
    for _ in range(3):
        call(WRONG)
    assert call(acme.token).status_code == 429
    assert call(acme.token, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_behind_a_proxy_the_sender_counts_and_not_the_proxy(settings: LazySettings) -> None:
    settings.BEHIND_PROXY = True
    for _ in range(4):
        last = call(WRONG, HTTP_X_FORWARDED_FOR="10.0.0.9, 192.0.2.1")
    assert last.status_code == 429
    assert call(WRONG, HTTP_X_FORWARDED_FOR="192.0.2.1, 192.0.2.2").status_code == 401


def test_what_needs_no_key_is_not_counted_unless_a_wrong_one_comes_along() -> None:
    def register(number: int, **headers: str) -> int:
        body = {"tenant": f"T{number}", "email": f"a@t{number}.example", "password": PASSWORD}
        answer = Client().post(
            "/api/v1/register/", body, content_type="application/json", headers=headers
        )
        return answer.status_code

    assert [register(number) for number in range(5)] == [201] * 5
    wrong = [register(number, Authorization=f"Bearer {WRONG}") for number in range(5, 9)]
    assert wrong[-1] == 429
    assert register(9) == 201


def test_without_a_rate_nothing_is_limited(settings: LazySettings) -> None:
    settings.RATE_UNKNOWN_KEYS = None
    assert {call(WRONG).status_code for _ in range(9)} == {401}
