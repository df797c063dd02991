from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.test import override_settings

from config import settings as product


@pytest.fixture(autouse=True)
def hashers() -> Iterator[None]:
    """The product's, not the quick one of the tests."""
    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        yield


def test_a_hash_takes_nineteen_mebibytes() -> None:
    encoded = make_password("correct horse")

    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password("correct horse", encoded)
    assert not check_password("wrong horse", encoded)


def test_a_hash_of_another_cost_is_good_and_is_renewed() -> None:
    costly = Argon2PasswordHasher()
    costly.memory_cost = 32 * 1024
    encoded = costly.encode("correct horse", costly.salt())
    renewed: list[str] = []

    assert check_password("correct horse", encoded, setter=renewed.append)
    assert renewed == ["correct horse"]
