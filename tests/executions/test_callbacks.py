"""The one-time addresses of steps that wait for a call."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core import signing

from executions import callbacks
from executions.callbacks import Callback

CALLBACK = Callback(UUID(int=1), UUID(int=2), "call_us")


def token_of(callback: Callback) -> str:
    return callbacks.address(callback).rstrip("/").rpartition("/")[2]


def test_an_address_is_a_whole_url_of_ours() -> None:
    assert callbacks.address(CALLBACK).startswith("http://127.0.0.1:8000/callbacks/")


def test_a_token_says_which_step_it_is_for() -> None:
    assert callbacks.read(token_of(CALLBACK)) == CALLBACK


def test_it_is_the_same_every_time() -> None:
    """A step that is tried again hands out the address that it handed out before."""
    assert callbacks.address(CALLBACK) == callbacks.address(CALLBACK)


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", ":", "a.b.c:sig", f"{UUID(int=1).hex}.{UUID(int=2).hex}.call_us"]
)
def test_what_we_did_not_sign_is_no_token(token: str) -> None:
    assert callbacks.read(token) is None


@pytest.mark.parametrize(
    "other",
    [
        Callback(UUID(int=9), UUID(int=2), "call_us"),
        Callback(UUID(int=1), UUID(int=9), "call_us"),
        Callback(UUID(int=1), UUID(int=2), "other"),
    ],
)
def test_a_signature_is_good_for_one_step(other: Callback) -> None:
    signature = token_of(CALLBACK).rpartition(":")[2]
    forged = f"{token_of(other).rpartition(':')[0]}:{signature}"
    assert callbacks.read(forged) is None


def test_what_was_signed_for_something_else_is_no_token() -> None:
    value = token_of(CALLBACK).rpartition(":")[0]
    assert callbacks.read(signing.Signer(salt="other").sign(value)) is None


def test_another_deployments_key_signs_none_of_ours(settings: LazySettings) -> None:
    token = token_of(CALLBACK)
    settings.SECRET_KEY = "another one, which is long enough to be taken for a key"
    assert callbacks.read(token) is None
