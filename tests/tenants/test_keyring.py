"""What is sealed opens again, and only there; nothing that goes wrong tells a secret."""

from __future__ import annotations

import base64
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.keyring import KeyRing, KeyRingError, new_key

OLD = base64.b64encode(bytes(range(32))).decode()
NEW = base64.b64encode(bytes(range(32, 64))).decode()
RING = KeyRing.from_env(f"old:{OLD}")
CONTEXT = b"tenant-a/secret-1"


def told(error: BaseException) -> str:
    """Everything that a log of this error would show, chained errors included."""
    return "".join(traceback.format_exception(error))


@given(plain=st.binary(), context=st.binary())
def test_what_is_sealed_opens_in_the_same_context(plain: bytes, context: bytes) -> None:
    assert RING.open(RING.seal(plain, context), context) == plain


@given(context=st.binary())
def test_a_value_does_not_open_in_another_context(context: bytes) -> None:
    sealed = RING.seal(b"plain", context + b"x")
    with pytest.raises(KeyRingError, match="altered or moved"):
        RING.open(sealed, context)


def test_every_one_bit_change_is_refused() -> None:
    sealed = RING.seal(b"plain", CONTEXT)
    for index, byte in enumerate(sealed):
        for bit in range(8):
            changed = sealed[:index] + bytes([byte ^ 1 << bit]) + sealed[index + 1 :]
            with pytest.raises(KeyRingError):
                RING.open(changed, CONTEXT)


@given(sealed=st.binary() | st.binary().map(lambda rest: b"\x01\x03old" + rest))
def test_bytes_that_were_never_sealed_are_refused(sealed: bytes) -> None:
    with pytest.raises(KeyRingError):
        RING.open(sealed, CONTEXT)


def test_every_cut_is_refused() -> None:
    sealed = RING.seal(b"plain", CONTEXT)
    for length in range(len(sealed)):
        with pytest.raises(KeyRingError):
            RING.open(sealed[:length], CONTEXT)


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert len({RING.seal(b"plain", CONTEXT) for _ in range(100)}) == 100


def test_the_plain_text_is_not_in_the_sealed_value() -> None:
    assert b"plain" not in RING.seal(b"plain", CONTEXT)


def test_the_first_key_seals_and_all_open() -> None:
    both = KeyRing.from_env(f"new:{NEW}, old:{OLD}")
    assert both.open(RING.seal(b"plain", CONTEXT), CONTEXT) == b"plain"
    resealed = both.seal(b"plain", CONTEXT)
    assert KeyRing.from_env(f"new:{NEW}").open(resealed, CONTEXT) == b"plain"


def test_a_value_of_a_key_that_is_gone_names_the_key_and_those_that_are_there() -> None:
    sealed = RING.seal(b"plain", CONTEXT)
    with pytest.raises(KeyRingError, match=r"with the key 'old', .* it holds new, newer"):
        KeyRing.from_env(f"new:{NEW},newer:{OLD}").open(sealed, CONTEXT)


def test_another_key_under_the_same_id_does_not_open() -> None:
    with pytest.raises(KeyRingError, match="changed under the same id"):
        KeyRing.from_env(f"old:{NEW}").open(RING.seal(b"plain", CONTEXT), CONTEXT)


def test_a_value_cannot_be_passed_off_as_another_keys() -> None:
    both = KeyRing.from_env(f"new:{OLD},old:{OLD}")
    sealed = RING.seal(b"plain", CONTEXT)
    with pytest.raises(KeyRingError):
        both.open(sealed.replace(b"\x03old", b"\x03new"), CONTEXT)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        (OLD, "entry 1: it must read <id>:<base64 of 32 bytes>"),
        (f"{OLD}:k1", "entry 1: it must read <id>:<base64 of 32 bytes>"),
        (f"k1:{OLD},:{NEW}", "entry 2: it must read"),
        (f"k 1:{OLD}", "1 to 32 letters, digits, - or _"),
        (f"é:{OLD}", "1 to 32 letters, digits, - or _"),
        (f"k1:{OLD},k2:*{NEW}", r"entry 2 \(k2\): the key is not base64"),
        (f"k1:{OLD[:-2]}", r"entry 1 \(k1\): the key is not base64"),
        (f"k1:é{OLD}", r"entry 1 \(k1\): the key is not base64"),
        (f"k1:{OLD[:24]}", r"entry 1 \(k1\): the key has 18 bytes, 32 are needed"),
        (f"k1:{OLD},k1:{NEW}", "entry 2: the key id 'k1' is taken"),
    ],
)
def test_a_wrong_entry_is_named_and_no_key_is_quoted(value: str, says: str) -> None:
    with pytest.raises(KeyRingError, match=says) as error:
        KeyRing.from_env(value)
    assert OLD[:20] not in str(error.value)
    assert NEW[:20] not in str(error.value)


def test_neither_errors_nor_the_ring_itself_show_a_secret() -> None:
    ring, plain = KeyRing.from_env(f"k1:{OLD}"), new_key()
    sealed = ring.seal(plain.encode(), CONTEXT)
    with pytest.raises(KeyRingError) as error:
        ring.open(sealed, b"other")
    shown = repr(ring) + told(error.value)
    assert repr(ring) == "KeyRing(k1)"
    assert plain not in shown
    assert OLD not in shown


def test_a_new_key_makes_a_ring() -> None:
    assert new_key() != new_key()
    ring = KeyRing.from_env(f"k1:{new_key()}")
    assert ring.open(ring.seal(b"plain", CONTEXT), CONTEXT) == b"plain"
