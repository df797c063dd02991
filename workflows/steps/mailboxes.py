"""Mail addresses in configs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

MAX_ADDRESSES = 50

# The addresses of RFC 5321 without quoted local parts and literal domains, which nobody uses.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@({_LABEL}\.)+{_LABEL}", re.ASCII)


def _address(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if not _ADDRESS.fullmatch(text) or len(local) > 64 or len(domain) > 253:
        raise ValueError("This must be a mail address by itself, such as ops@shop.example.")
    return text


def _one_or_more(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str) else value


def _not_too_many(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(addresses) > MAX_ADDRESSES:
        raise ValueError(f"This may have at most {MAX_ADDRESSES} addresses.")
    return addresses


_TEXT = {"type": "string"}
Addresses = Annotated[
    tuple[Annotated[str, AfterValidator(_address)], ...],
    BeforeValidator(_one_or_more),
    AfterValidator(_not_too_many),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]
"""One address or a list of them."""
