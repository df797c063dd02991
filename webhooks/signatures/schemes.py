"""The kinds of scheme. A preset is one value of one of them (see presets.py)."""

from __future__ import annotations

import base64
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .content import Content, parse_template
from .keys import KeyForm, TextKey
from .message import BAD_SIGNATURE, MalformedError, Message, Verdict

Encoding = Literal["hex", "base64"]

TOLERANCE = 300  # seconds, to both sides; the figure of Standard Webhooks, Slack and Stripe

# Python's own int() would also take signs, spaces, underscores and non-ASCII digits.
_UNIX_SECONDS = re.compile(rb"[0-9]{1,12}")

_BODY = parse_template("{body}")
_TEXT_KEY = TextKey()


class Scheme(ABC):
    """A way to prove that a request comes from the holder of a secret."""

    @abstractmethod
    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        """Judge a request at `now` (Unix seconds); never raises."""

    @abstractmethod
    def sign(self, secret: str, body: bytes, delivery_id: str, timestamp: int) -> dict[str, str]:
        """The headers (lower-case names) with which `verify` accepts this body."""

    @abstractmethod
    def check_secret(self, secret: str) -> None:
        """Raises `ValueError` for a secret that an endpoint of the scheme should not have."""

    @abstractmethod
    def new_secret(self) -> str:
        """A fresh secret in the scheme's form; empty when it has none."""


@dataclass(frozen=True)
class Unsigned(Scheme):
    """Everything is accepted: the endpoint's random address is the only secret."""

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        return Verdict(ok=True, reason="ok")

    def sign(self, secret: str, body: bytes, delivery_id: str, timestamp: int) -> dict[str, str]:
        return {}

    def check_secret(self, secret: str) -> None:
        """There is none, so none is wrong."""

    def new_secret(self) -> str:
        return ""


@dataclass(frozen=True)
class Timestamp:
    """The headers that may carry the time of sending, in Unix seconds, and the window accepted."""

    headers: tuple[str, ...]
    tolerance: int = TOLERANCE


@dataclass(frozen=True)
class _Claim:
    """What a well-formed request says of itself."""

    signatures: tuple[bytes, ...]
    content: bytes
    delivery_id: str | None
    sent_at: int | None


@dataclass(frozen=True)
class Hmac(Scheme):
    """HMAC-SHA256 over a template of the body, the delivery id and the time of sending.

    Of several header names the first that is present is read, and the first is written.
    A `separator` splits a header that may carry several signatures; those without the
    `prefix` are of another version and are passed over.
    """

    signature: tuple[str, ...]
    encoding: Encoding = "hex"
    prefix: str = ""
    separator: str | None = None
    content: Content = _BODY
    delivery_id: tuple[str, ...] = ()
    timestamp: Timestamp | None = None
    key: KeyForm = _TEXT_KEY

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        try:
            claim = self._read(message)
        except MalformedError:
            return BAD_SIGNATURE
        if not self._matches(secrets, claim):
            return BAD_SIGNATURE
        if self._stale(claim, now):
            return Verdict(ok=False, reason="stale", delivery_id=claim.delivery_id)
        return Verdict(ok=True, reason="ok", delivery_id=claim.delivery_id)

    def sign(self, secret: str, body: bytes, delivery_id: str, timestamp: int) -> dict[str, str]:
        key = self.key.decode(secret)
        if not key:
            raise ValueError("The secret does not have the form that this scheme prescribes.")
        sent_at = str(timestamp)
        parts = {"id": delivery_id.encode(), "timestamp": sent_at.encode(), "body": body}
        signature = self.prefix + self._encode(key, self.content.fill(parts)).decode()
        headers = {self.signature[0]: signature}
        if self.delivery_id:
            headers[self.delivery_id[0]] = delivery_id
        if self.timestamp:
            headers[self.timestamp.headers[0]] = sent_at
        return headers

    def check_secret(self, secret: str) -> None:
        self.key.check(secret)

    def new_secret(self) -> str:
        return self.key.new()

    def _read(self, message: Message) -> _Claim:
        delivery_id = message.delivery_id(self.delivery_id)
        raw_time = message.header(self.timestamp.headers) if self.timestamp else None
        return _Claim(
            signatures=self._signatures(message),
            content=self.content.fill(
                {"id": delivery_id, "timestamp": raw_time, "body": message.body}
            ),
            delivery_id=delivery_id.decode("ascii") if delivery_id is not None else None,
            sent_at=_unix_seconds(raw_time) if self.timestamp else None,
        )

    def _signatures(self, message: Message) -> tuple[bytes, ...]:
        header = message.header(self.signature)
        if header is None:
            raise MalformedError
        candidates = header.split(self.separator.encode()) if self.separator else [header]
        prefix = self.prefix.encode()
        return tuple(c.removeprefix(prefix) for c in candidates if c.startswith(prefix))

    def _matches(self, secrets: Sequence[str], claim: _Claim) -> bool:
        """Whether any secret made any of the signatures.

        Encoded signatures are compared, so that no second spelling of a right one passes. Every
        pair is compared, so that the time taken does not tell which secret it was.
        """
        keys = [key for key in map(self.key.decode, secrets) if key]
        expected = [self._encode(key, claim.content) for key in keys]
        results = [hmac.compare_digest(e, s) for e in expected for s in claim.signatures]
        return any(results)

    def _encode(self, key: bytes, signed: bytes) -> bytes:
        digest = hmac.digest(key, signed, "sha256")
        return digest.hex().encode() if self.encoding == "hex" else base64.b64encode(digest)

    def _stale(self, claim: _Claim, now: float) -> bool:
        if self.timestamp is None or claim.sent_at is None:
            return False
        return abs(now - claim.sent_at) > self.timestamp.tolerance


def _unix_seconds(raw: bytes | None) -> int:
    if raw is None or not _UNIX_SECONDS.fullmatch(raw):
        raise MalformedError
    return int(raw)
