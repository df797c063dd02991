"""From a secret as people copy it to the key of the HMAC."""

from __future__ import annotations

import base64
import binascii
import secrets
from abc import ABC, abstractmethod

_KEY_BYTES = 32
_MIN_KEY_BYTES = 24  # as Standard Webhooks asks
_MIN_CHARACTERS = 16
_WHSEC = "whsec_"


class KeyForm(ABC):
    """How a provider writes its secrets."""

    @abstractmethod
    def decode(self, secret: str) -> bytes:
        """The HMAC key; empty when the secret does not have this form (it then matches nothing)."""

    @abstractmethod
    def check(self, secret: str) -> None:
        """Raises `ValueError` for a secret that does not have this form or can be guessed."""

    @abstractmethod
    def new(self) -> str:
        """A fresh random secret of 256 bits."""


class TextKey(KeyForm):
    """The secret's own characters are the key, in UTF-8 (GitHub, Slack, Stripe, ...)."""

    def decode(self, secret: str) -> bytes:
        return secret.encode("utf-8", "surrogatepass")

    def check(self, secret: str) -> None:
        if len(secret) < _MIN_CHARACTERS:
            raise ValueError(f"A secret for this scheme has at least {_MIN_CHARACTERS} characters.")

    def new(self) -> str:
        return secrets.token_urlsafe(_KEY_BYTES)


class WhsecKey(KeyForm):
    """`whsec_` and the key in base64 (Standard Webhooks); prefix and padding are optional."""

    def decode(self, secret: str) -> bytes:
        encoded = secret.removeprefix(_WHSEC).rstrip("=")
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):  # ValueError: not ASCII
            return b""

    def check(self, secret: str) -> None:
        if len(self.decode(secret)) < _MIN_KEY_BYTES:
            raise ValueError(
                f"A secret for this scheme is {_WHSEC!r} and at least {_MIN_KEY_BYTES} bytes in "
                "base64."
            )

    def new(self) -> str:
        return _WHSEC + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
