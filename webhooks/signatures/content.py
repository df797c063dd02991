"""What a signature covers, written as a template such as `{id}.{timestamp}.{body}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .message import MalformedError

_PART = re.compile(r"\{(id|timestamp|body)\}")


@dataclass(frozen=True)
class Content:
    """A parsed template: literals and part names in turn, the first and the last a literal."""

    pieces: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        return self.pieces[1::2]

    def fill(self, parts: Mapping[str, bytes | None]) -> bytes:
        """The signed bytes; `MalformedError` when the request lacks a part the template names."""
        return b"".join(
            _present(parts[piece]) if index % 2 else piece.encode()
            for index, piece in enumerate(self.pieces)
        )


def parse_template(template: str) -> Content:
    """Read a template; `ValueError` says what is wrong with it."""
    pieces = tuple(_PART.split(template))
    if any(brace in literal for literal in pieces[::2] for brace in "{}"):
        raise ValueError(
            f"The template {template!r} has a brace that belongs to no part; "
            "the parts are {id}, {timestamp} and {body}."
        )
    content = Content(pieces)
    if content.parts.count("body") != 1:
        raise ValueError(f"The template {template!r} must contain {{body}} exactly once.")
    return content


def _present(part: bytes | None) -> bytes:
    if part is None:
        raise MalformedError
    return part
