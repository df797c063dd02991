"""Sealing of secrets at rest: AES-256-GCM under one of several keys.

A sealed value is

    version (1 byte, 0x01) | length of the key id (1 byte) | key id (ASCII) |
    nonce (12 bytes, random) | ciphertext | tag (16 bytes)

Everything before the nonce, followed by the caller's context, is authenticated as associated
data: a value opens only with its own key, in the row that it was sealed for. Random nonces keep
one key safe for 2**32 values (NIST SP 800-38D, 8.3), far more than secrets are ever written.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "STEPWELL_SECRETS_KEYS"

_VERSION = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class KeyRingError(Exception):
    """A key ring that cannot be built, or a value that cannot be opened; carries no secret."""


class KeyRing:
    """Keys by id: the first seals, all of them open, so that a key can be replaced at leisure."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise KeyRingError(f"{VARIABLE} is empty: give <id>:<base64 of 32 bytes>, ...")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.ids = tuple(keys)
        self.sealing_id = self.ids[0]

    @classmethod
    def from_env(cls, value: str) -> KeyRing:
        """Read `<id>:<base64 of 32 bytes>,...`; `KeyRingError` names the entry that is wrong."""
        keys: dict[str, bytes] = {}
        entries = [entry.strip() for entry in value.split(",") if entry.strip()]
        for number, entry in enumerate(entries, start=1):
            key_id, key = _parse(entry, number)
            if key_id in keys:
                raise KeyRingError(
                    f"{VARIABLE}, entry {number}: the key id {key_id!r} is taken by an earlier "
                    "entry; every key needs an id of its own."
                )
            keys[key_id] = key
        return cls(keys)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt for one place: only the same `context` (say, tenant and row) opens it again."""
        header = _header(self.sealing_id)
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self.sealing_id]
        return header + nonce + cipher.encrypt(nonce, plain, header + context)

    def key_of(self, sealed: bytes) -> str:
        """The id of the key that sealed a value; KeyRingError for what is no sealed value."""
        return _Envelope.parse(sealed).key_id

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt; `KeyRingError` when the key is gone, or the value was altered or moved."""
        envelope = _Envelope.parse(sealed)
        cipher = self._ciphers.get(envelope.key_id)
        if cipher is None:
            raise KeyRingError(
                f"The value was sealed with the key {envelope.key_id!r}, which {VARIABLE} does "
                f"not hold; it holds {self._ids()}."
            )
        try:
            return cipher.decrypt(envelope.nonce, envelope.ciphertext, envelope.header + context)
        except InvalidTag:
            raise KeyRingError(
                f"The value does not open with the key {envelope.key_id!r}: the value was altered "
                "or moved, or the key was changed under the same id."
            ) from None

    def __repr__(self) -> str:
        return f"KeyRing({self._ids()})"

    def _ids(self) -> str:
        return ", ".join(self.ids)


def new_key() -> str:
    """A fresh random key as it stands after the id in the environment: base64 of 32 bytes."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


@dataclass(frozen=True)
class _Envelope:
    """A sealed value taken apart; nothing in it is trusted before it was opened."""

    header: bytes
    key_id: str
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def parse(cls, sealed: bytes) -> _Envelope:
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise KeyRingError("The value is not a sealed one of a version known here.")
        start = 2 + sealed[1]
        key_id = sealed[2:start].decode("latin-1")
        if not _KEY_ID.fullmatch(key_id) or len(sealed) < start + _NONCE_BYTES:
            raise KeyRingError("The sealed value is cut short or altered.")
        return cls(
            header=sealed[:start],
            key_id=key_id,
            nonce=sealed[start : start + _NONCE_BYTES],
            ciphertext=sealed[start + _NONCE_BYTES :],
        )


def _header(key_id: str) -> bytes:
    return bytes([_VERSION, len(key_id)]) + key_id.encode("ascii")


def _parse(entry: str, number: int) -> tuple[str, bytes]:
    """Take one entry apart. A part that did not parse is never quoted: it may be key material."""
    key_id, colon, encoded = entry.partition(":")
    if not colon or not _KEY_ID.fullmatch(key_id):
        raise KeyRingError(
            f"{VARIABLE}, entry {number}: it must read <id>:<base64 of 32 bytes>, with an id of "
            "1 to 32 letters, digits, - or _."
        )
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise KeyRingError(
            f"{VARIABLE}, entry {number} ({key_id}): the key is not base64."
        ) from None
    if len(key) != _KEY_BYTES:
        raise KeyRingError(
            f"{VARIABLE}, entry {number} ({key_id}): the key has {len(key)} bytes, "
            f"{_KEY_BYTES} are needed."
        )
    return key_id, key
