"""The kinds of scheme. A preset is one value of one of them (see presets.py)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .content import Content, parse_template
from .keys import WHSEC, KeyForm, TextKey
from .message import BAD_SIGNATURE, MalformedError, Message, Verdict
from .places import Field, Place, Signatures
from .times import Timestamp

Encoding = Literal["hex", "base64"]
Digest = Literal["sha1", "sha256"]

_BODY = parse_template("{body}")
_TEXT_KEY = TextKey()


class Scheme(ABC):
    """A way to prove that a request comes from the holder of a secret."""

    @abstractmethod
    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        """Judge a request at `now` (Unix seconds); never raises."""

    @abstractmethod
    def sign(
        self, secret: str, message: Message, delivery_id: str, timestamp: int
    ) -> dict[str, str]:
        """The headers (lower-case names) that `verify` asks for beside those of the message."""

    @abstractmethod
    def check_secret(self, secret: str) -> None:
        """Raises `ValueError` for a secret that an endpoint of the scheme should not have."""

    @abstractmethod
    def new_secret(self) -> str:
        """A fresh secret in the scheme's form, empty when it has none; `ValueError` where only
        the provider can make one."""


@dataclass(frozen=True)
class Unsigned(Scheme):
    """Everything is accepted: the endpoint's random address is the only secret."""

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        return Verdict(ok=True, reason="ok")

    def sign(
        self, secret: str, message: Message, delivery_id: str, timestamp: int
    ) -> dict[str, str]:
        return {}

    def check_secret(self, secret: str) -> None:
        """There is none, so none is wrong."""

    def new_secret(self) -> str:
        return ""


@dataclass(frozen=True)
class Token(Scheme):
    """The secret itself is sent in a header: it says who calls, and nothing about the body."""

    token: Place
    delivery_id: Place
    key: KeyForm = _TEXT_KEY

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        try:
            sent = self.token.read(message)
            if sent is None or not self._matches(secrets, sent):
                return BAD_SIGNATURE
            return Verdict(True, "ok", self.delivery_id.read_plain(message))
        except MalformedError:
            return BAD_SIGNATURE

    def sign(
        self, secret: str, message: Message, delivery_id: str, timestamp: int
    ) -> dict[str, str]:
        headers: dict[str, str] = {}
        self.token.write(headers, secret)
        self.delivery_id.write(headers, delivery_id)
        return headers

    def check_secret(self, secret: str) -> None:
        self.key.check(secret)

    def new_secret(self) -> str:
        return self.key.new()

    def _matches(self, secrets: Sequence[str], sent: bytes) -> bool:
        """Digests are compared: on the secrets themselves the time would tell their length."""
        given = hashlib.sha256(sent).digest()
        keys = [key for key in map(self.key.decode, secrets) if key]
        expected = [hashlib.sha256(key).digest() for key in keys]
        results = [hmac.compare_digest(digest, given) for digest in expected]
        return any(results)


@dataclass(frozen=True)
class BySecret(Scheme):
    """Two ways of one provider. Which one holds is told by the form of the endpoint's secret,
    never by the request: who stole a token cannot turn the signature off."""

    signed: Scheme  # with a secret that begins with `whsec_`
    plain: Scheme  # with any other

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        signing = [secret for secret in secrets if secret.startswith(WHSEC)]
        tokens = [secret for secret in secrets if not secret.startswith(WHSEC)]
        plain = self.plain.verify(tokens, message, now)
        return plain if plain.ok else self.signed.verify(signing, message, now)

    def sign(
        self, secret: str, message: Message, delivery_id: str, timestamp: int
    ) -> dict[str, str]:
        return self._of(secret).sign(secret, message, delivery_id, timestamp)

    def check_secret(self, secret: str) -> None:
        self._of(secret).check_secret(secret)

    def new_secret(self) -> str:
        return self.signed.new_secret()

    def _of(self, secret: str) -> Scheme:
        return self.signed if secret.startswith(WHSEC) else self.plain


@dataclass(frozen=True)
class Challenge:
    """How a provider tries an address: where `mark` says `value`, it wants `answer` back."""

    mark: Field
    value: bytes
    answer: Field

    def asked(self, message: Message) -> str | None:
        """The text to answer with, if the request is such a trial; raises `MalformedError`."""
        if self.mark.read(message) != self.value:
            return None
        answer = self.answer.read_plain(message)
        if answer is None:
            raise MalformedError
        return answer


@dataclass(frozen=True)
class Hmac(Scheme):
    """An HMAC over a template of the body, the delivery id and the time of sending.

    Which `digest` it is, the endpoint says: a request that could choose would choose the weakest.
    """

    signatures: Signatures
    encoding: Encoding = "hex"
    digest: Digest = "sha256"
    content: Content = _BODY
    delivery_id: Place | None = None
    timestamp: Timestamp | None = None
    challenge: Challenge | None = None
    key: KeyForm = _TEXT_KEY

    def verify(self, secrets: Sequence[str], message: Message, now: float) -> Verdict:
        try:
            if not self._matches(secrets, message):
                return BAD_SIGNATURE
            return self._judge(message, now)
        except MalformedError:
            return BAD_SIGNATURE

    def sign(
        self, secret: str, message: Message, delivery_id: str, timestamp: int
    ) -> dict[str, str]:
        key = self.key.decode(secret)
        if not key:
            raise ValueError("The secret does not have the form that this scheme prescribes.")
        headers: dict[str, str] = {}
        if self.delivery_id:
            self.delivery_id.write(headers, delivery_id)
        if self.timestamp:
            self.timestamp.write(headers, timestamp)
        dated = Message({**message.headers, **headers}, message.body, message.url)
        signature = self._encode(key, self._contents(dated)[0])
        self.signatures.write(headers, signature.decode("ascii"))
        return headers

    def check_secret(self, secret: str) -> None:
        self.key.check(secret)

    def new_secret(self) -> str:
        return self.key.new()

    def _matches(self, secrets: Sequence[str], message: Message) -> bool:
        """Whether any secret made any of the signatures.

        Encoded signatures are compared, so that no second spelling of a right one passes. Every
        pair is compared, so that the time taken does not tell which secret it was.
        """
        signatures = self.signatures.read(message)
        contents = self._contents(message)
        keys = [key for key in map(self.key.decode, secrets) if key]
        expected = [self._encode(key, content) for key in keys for content in contents]
        results = [hmac.compare_digest(e, s) for e in expected for s in signatures]
        return any(results)

    def _judge(self, message: Message, now: float) -> Verdict:
        """The verdict on a request whose signature is right: from here on its body is trusted."""
        delivery_id = self.delivery_id.read_plain(message) if self.delivery_id else None
        if self.timestamp and self.timestamp.is_stale(message, now):
            return Verdict(False, "stale", delivery_id)
        asked = self.challenge.asked(message) if self.challenge else None
        return Verdict(True, "ok", delivery_id, asked)

    def _contents(self, message: Message) -> list[bytes]:
        """What may have been signed; `MalformedError` when the request lacks a part of it."""
        values = tuple([self._part(name, message) for name in self.content.parts])
        return [self.content.frame % values]

    def _part(self, name: str, message: Message) -> bytes:
        if name == "body":
            return message.body
        place = self.timestamp and self.timestamp.place if name == "timestamp" else self.delivery_id
        value = place.read(message) if place else None
        if value is None:
            raise MalformedError
        return value

    def _encode(self, key: bytes, signed: bytes) -> bytes:
        digest = hmac.digest(key, signed, self.digest)
        return digest.hex().encode() if self.encoding == "hex" else base64.b64encode(digest)
