"""From a secret as people copy it to the key of the HMAC."""

from __future__ import annotations

import base64
import binascii
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass

_KEY_BYTES = 32
_MIN_KEY_BYTES = 24  # as Standard Webhooks asks
_MIN_CHARACTERS = 16
WHSEC = "whsec_"


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
        """A fresh random secret of 256 bits; `ValueError` where only the provider can make one."""


@dataclass(frozen=True)
class TextKey(KeyForm):
    """The secret's own characters are the key, in UTF-8.

    `chosen_by` names a provider that takes no secret of ours. Most of those show theirs only
    once they know the address, so no secret yet, an empty one, is right for them.
    """

    chosen_by: str | None = None
    prefix: str = ""

    def decode(self, secret: str) -> bytes:
        return secret.encode("utf-8", "surrogatepass")

    def check(self, secret: str) -> None:
        if not secret and self.chosen_by:
            return
        if len(secret) < _MIN_CHARACTERS:
            raise ValueError(f"A secret for this scheme has at least {_MIN_CHARACTERS} characters.")
        if not secret.startswith(self.prefix):
            raise ValueError(f"A secret of {self.chosen_by} begins with {self.prefix!r}.")

    def new(self) -> str:
        if self.chosen_by:
            raise ValueError(
                f"{self.chosen_by} chooses the secret itself: copy it from there. "
                f"If {self.chosen_by} shows it only once it knows the address, say that there is "
                "none yet (an empty text) and rotate to it later; until then nothing is accepted."
            )
        return secrets.token_urlsafe(_KEY_BYTES)


@dataclass(frozen=True)
class WhsecKey(KeyForm):
    """`whsec_` and the key in base64 (Standard Webhooks); prefix and padding are optional."""

    def decode(self, secret: str) -> bytes:
        encoded = secret.removeprefix(WHSEC).rstrip("=")
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):  # ValueError: not ASCII
            return b""

    def check(self, secret: str) -> None:
        if len(self.decode(secret)) < _MIN_KEY_BYTES:
            raise ValueError(
                f"A secret for this scheme is {WHSEC!r} and at least {_MIN_KEY_BYTES} bytes in "
                "base64."
            )

    def new(self) -> str:
        return WHSEC + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
