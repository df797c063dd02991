"""What a signature covers, written as a template such as `{id}.{timestamp}.{body}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"\{(id|timestamp|body)\}")


@dataclass(frozen=True)
class Content:
    """A parsed template: the names of its parts, and the bytes around them for `%`."""

    parts: tuple[str, ...]
    frame: bytes


def parse_template(template: str) -> Content:
    """Read a template; `ValueError` says what is wrong with it."""
    pieces = _PART.split(template)  # literals and names in turn, literals first and last
    literals, parts = pieces[::2], tuple(pieces[1::2])
    if any(brace in literal for literal in literals for brace in "{}"):
        raise ValueError(
            f"The template {template!r} has a brace that belongs to no part; "
            "the parts are {id}, {timestamp} and {body}."
        )
    if parts.count("body") != 1:
        raise ValueError(f"The template {template!r} must contain {{body}} exactly once.")
    return Content(parts, b"%b".join(literal.encode().replace(b"%", b"%%") for literal in literals))
