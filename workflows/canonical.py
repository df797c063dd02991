"""The one order and the one text of a definition, whatever order its keys came in.

Postgres' jsonb does not keep the order of keys, so a document is put in order before a person
reads it: as the language lists its keys, and as a step type lists those of its config.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from workflows.definition import FOR_EACH, JSON, Definition, Limits, Retry, Step
from workflows.steps.registry import STEP_TYPES


def arranged(document: JSON) -> JSON:
    """The document with its keys in the order in which people write them; no key is lost."""
    ordered: JSON = _in_order(document, Definition)
    if isinstance(ordered, dict):
        _replace(ordered, "limits", Limits)
        _arrange_steps(ordered)
    return ordered


def text(document: JSON) -> str:
    """The same text for equal documents: sorted keys, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(document: JSON) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(text(document).encode()).hexdigest()


def _arrange_steps(holder: JSON) -> None:
    """Put the steps of a definition, or of a body, in order in place."""
    steps = holder.get("steps") if isinstance(holder, dict) else None
    if isinstance(holder, dict) and isinstance(steps, list):
        holder["steps"] = [_step(step) for step in steps]


def _step(value: JSON) -> JSON:
    ordered: JSON = _in_order(value, Step)
    if isinstance(ordered, dict):
        _replace(ordered, "retry", Retry)
        step_type = STEP_TYPES.get(str(ordered.get("type")))
        if step_type is not None:
            _replace(ordered, "with", step_type.Config)
        if ordered.get("type") == FOR_EACH:
            _arrange_steps(ordered.get("with"))
    return ordered


def _replace(parent: dict[str, Any], key: str, model: type[BaseModel]) -> None:
    if key in parent:
        parent[key] = _in_order(parent[key], model)


def _in_order(value: Any, model: type[BaseModel]) -> Any:
    if not isinstance(value, dict):
        return value
    known = [key for key in _keys(model) if key in value]
    unknown = [key for key in value if key not in known]
    return {key: value[key] for key in (*known, *unknown)}


def _keys(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items())
