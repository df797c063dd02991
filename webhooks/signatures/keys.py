"""From a secret as people copy it to the key of the HMAC."""

from __future__ import annotations

import base64
import binascii
import secrets
from abc import ABC, abstractmethod

_KEY_BYTES = 32
_WHSEC = "whsec_"


class KeyForm(ABC):
    """How a provider writes its secrets."""

    @abstractmethod
    def decode(self, secret: str) -> bytes:
        """The HMAC key; empty when the secret does not have this form (it then matches nothing)."""

    @abstractmethod
    def new(self) -> str:
        """A fresh random secret of 256 bits."""


class TextKey(KeyForm):
    """The secret's own characters are the key, in UTF-8 (GitHub, Slack, Stripe, ...)."""

    def decode(self, secret: str) -> bytes:
        return secret.encode("utf-8", "surrogatepass")

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

    def new(self) -> str:
        return _WHSEC + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
