"""JSON as Postgres can hold it."""

from __future__ import annotations

import json

from workflows.definition import JSON


def dump(value: JSON) -> str | None:
    """JSON for a jsonb parameter; None is SQL's NULL. What Postgres cannot hold becomes U+FFFD."""
    if value is None:
        return None
    text = json.dumps(value, separators=(",", ":"))
    if "\\u0000" in text or "\\ud" in text:
        text = json.dumps(storable(value), separators=(",", ":"))
    return text


def storable(value: JSON) -> JSON:
    """Without NUL characters and lone surrogates, which other systems do send."""
    match value:
        case str():
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.replace("\0", "\ufffd")
        case list():
            return [storable(item) for item in value]
        case dict():
            return {str(storable(key)): storable(item) for key, item in value.items()}
        case _:
            return value
