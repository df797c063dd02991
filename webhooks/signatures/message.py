"""A request as a verifier sees it: bytes only, and only header values that are well-formed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal


class MalformedError(Exception):
    """The request does not have the form its scheme prescribes; never leaves this package."""


@dataclass(frozen=True)
class Verdict:
    """The answer about one request.

    `stale` means that the signature is right and only the timestamp is outside the tolerance.
    `delivery_id` is the provider's own id of the delivery, where its scheme has one and the
    signature is right; a receiver without one deduplicates by a hash. `challenge` is the text
    with which a provider that tries the address wants to be answered: that request is no event.
    """

    ok: bool
    reason: Literal["ok", "bad_signature", "stale"]
    delivery_id: str | None = None
    challenge: str | None = None


BAD_SIGNATURE = Verdict(ok=False, reason="bad_signature")


@dataclass(frozen=True)
class Message:
    """The headers (lower-case names) and the raw body of one request.

    `url` is the whole address as its sender wrote it, for the schemes that sign it. It is put
    together from our own settings: what a Host header says is the sender's to choose.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    def header(self, name: str) -> bytes | None:
        """WSGI hands header bytes over decoded as Latin-1 (PEP 3333), so encoding them back is
        lossless; text that cannot have come from there is malformed."""
        value = self.headers.get(name)
        return None if value is None else latin1(value)

    @cached_property
    def document(self) -> Any:
        """The body as JSON; None when it is none. To be read once the signature is right."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def latin1(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedError from None
