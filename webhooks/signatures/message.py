"""A request as a verifier sees it: bytes only, and only header values that are well-formed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# A delivery id is stored and shown, so it is printable ASCII of a bounded length.
_DELIVERY_ID = re.compile(rb"[\x21-\x7e]{1,255}")


class MalformedError(Exception):
    """The request does not have the form its scheme prescribes; never leaves this package."""


@dataclass(frozen=True)
class Verdict:
    """The answer about one request.

    `stale` means that the signature is right and only the timestamp is outside the tolerance.
    `delivery_id` is the provider's own id of the delivery, where its scheme has one and the
    signature is right; a receiver without one deduplicates by a hash.
    """

    ok: bool
    reason: Literal["ok", "bad_signature", "stale"]
    delivery_id: str | None = None


BAD_SIGNATURE = Verdict(ok=False, reason="bad_signature")


@dataclass(frozen=True)
class Message:
    """The headers (lower-case names) and the raw body of one request."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, names: Sequence[str]) -> bytes | None:
        """The bytes of the first of these headers that is present.

        WSGI hands header bytes over decoded as Latin-1 (PEP 3333), so encoding them back is
        lossless; text that cannot have come from there is malformed.
        """
        for name in names:
            value = self.headers.get(name)
            if value is not None:
                return _latin1(value)
        return None

    def delivery_id(self, names: Sequence[str]) -> bytes | None:
        value = self.header(names)
        if value is not None and not _DELIVERY_ID.fullmatch(value):
            raise MalformedError
        return value


def _latin1(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedError from None
