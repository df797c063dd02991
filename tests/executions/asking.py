"""Schemas that forms ask by."""

from __future__ import annotations

from workflows.definition import JSON


def asked(properties: dict[str, JSON], *required: str) -> dict[str, JSON]:
    return {"type": "object", "properties": properties, "required": list(required)}


# --- Lists -------------------------------------------------------------------------------------

TAGS: JSON = {"type": "array", "items": {"type": "string"}}
NUMBERS: JSON = {"type": "array", "items": {"type": "integer"}}
