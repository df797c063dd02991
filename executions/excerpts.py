"""The beginnings of stored values: a value may be 1 MB, and a page shows fifty of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Left, Length

SHOWN = 8_000  # characters


@dataclass(frozen=True)
class Excerpt:
    """A stored JSON value as text, indented if it is whole; `hidden` characters are left out."""

    text: str
    hidden: int = 0


def columns(*names: str) -> dict[str, Combinable]:
    """Annotations that read the beginning and the length of JSON columns or keys in them."""
    found: dict[str, Combinable] = {}
    for name in names:
        text = Cast(name, TextField())
        found[f"{name}_start"], found[f"{name}_size"] = Left(text, SHOWN), Length(text)
    return found


def of(row: Any, name: str) -> Excerpt | None:
    """What `columns` read of `name` for this row; None where nothing is stored."""
    start, size = getattr(row, f"{name}_start"), getattr(row, f"{name}_size")
    if start is None:
        return None
    if size > len(start):
        return Excerpt(start, size - len(start))
    return Excerpt(json.dumps(json.loads(start), indent=2, ensure_ascii=False))
