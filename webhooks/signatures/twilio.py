"""Twilio signs the address and the parameters of a form (docs: "Validating requests").

    base64(HMAC(address + each parameter's name and value, sorted))

A body that is no form is covered by its SHA-256 in the address. Nothing separates names from
values, nor them from the address, and no time is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict

from .keys import TextKey
from .message import MalformedError, Message, latin1
from .places import Header, Signatures
from .schemes import Digest, Hmac

_FORM = b"application/x-www-form-urlencoded"
_ADDRESS = re.compile(r"(https?)://(\[[^]/?]*\]|[^:/?]+)(?::([0-9]+))?(.*)", re.DOTALL)
_PORTS = {"http": "80", "https": "443"}
_MAX_PARAMETERS = 1000


class TwilioOptions(BaseModel):
    """`sha256` for an account that signs with a shared key, `sha1` with the Auth Token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Digest = "sha1"


@lru_cache
def scheme(options: TwilioOptions) -> Hmac:
    """The scheme that these options describe.

    The signature itself is the delivery id: it is the same when a request is sent again, and
    unlike I-Twilio-Idempotency-Token nobody can change it.
    """
    return _AddressHmac(
        Signatures(("x-twilio-signature",)),
        encoding="base64",
        digest=options.algorithm,
        delivery_id=Header(("x-twilio-signature",)),
        key=TextKey(chosen_by="Twilio"),
    )


@dataclass(frozen=True)
class _AddressHmac(Hmac):
    def _contents(self, message: Message) -> list[bytes]:
        parameters = _parameters(message)
        return [latin1(address) + parameters for address in _addresses(message.url)]


def _addresses(url: str) -> tuple[str, str]:
    """Without and with the port: Twilio's own libraries try both, as its senders differ."""
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        raise MalformedError
    protocol, host, port, rest = parts.groups()
    return (
        f"{protocol}://{host}{rest}",
        f"{protocol}://{host}:{port or _PORTS[protocol]}{rest}",
    )


def _parameters(message: Message) -> bytes:
    """The signed form of the parameters; nothing where the address covers the body."""
    if _is_form(message):
        pairs = sorted(set(_pairs(message.body)))
        return b"".join([name + value for name, value in pairs])
    if not _is_in_address(message):
        raise MalformedError
    return b""


def _is_form(message: Message) -> bool:
    declared = message.header("content-type") or b""
    return declared.partition(b";")[0].strip().lower() == _FORM


def _is_in_address(message: Message) -> bool:
    """Whether the address says what the body is. One that says nothing goes with no body."""
    query = latin1(message.url.partition("?")[2])
    stated = [value for name, value in _pairs(query) if name == b"bodySHA256"]
    if not stated:
        return not message.body
    digest = hashlib.sha256(message.body).hexdigest().encode()
    return len(stated) == 1 and hmac.compare_digest(stated[0], digest)


def _pairs(form: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a form, byte by byte: Latin-1 has a character for each."""
    try:
        pairs = parse_qsl(
            form.decode("latin-1"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise MalformedError from None
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
