"""The workflow language: what a definition may say, and how it is read.

A definition is a JSON document (YAML is the same document, written by people). This module checks
its structure; `workflows.graph` checks what it means.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from workflows.documents import dumps_yaml, loads, unstorable
from workflows.problems import Location, Problem, at, dotted, error, mistakes

__all__ = [
    "JSON",
    "Definition",
    "Limits",
    "Need",
    "Problem",
    "Retry",
    "Step",
    "dumps_yaml",
    "loads",
    "parse",
]

JSON = JsonValue

NAME = r"[a-z][a-z0-9_]{0,62}"
SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"

RETRY_KINDS = ("connect", "timeout", "broken", "lost")
_NEED = re.compile(rf"({NAME})(?:\.({NAME}))?")
_STATUS_CLASS = re.compile("[1-5]xx")
_NAME_RULE = "It starts with a-z and goes on with a-z, 0-9 or _, at most 63 characters."


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, serialize_by_alias=True
    )


@dataclass(frozen=True)
class Need:
    """An edge into a step: from which step, taken at which outcome.

    `always` is taken when the source ended in any way except skipped or cancelled.
    """

    step: str
    outcome: str = "success"

    def __str__(self) -> str:
        return self.step if self.outcome == "success" else f"{self.step}.{self.outcome}"

    @classmethod
    def parse(cls, text: object) -> Need:
        match = _NEED.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError('A need is "step", "step.<outcome>", "step.failure" or "step.always".')
        return cls(match[1], match[2] or "success")


def _key(text: object) -> str:
    if isinstance(text, str) and re.fullmatch(NAME, text):
        return text
    raise ValueError(f"This is not a step key. {_NAME_RULE}")


def _slug(text: object) -> str | None:
    if text is None or (isinstance(text, str) and re.fullmatch(SLUG, text) and len(text) <= 63):
        return text
    raise ValueError("This must be a workflow's slug: a-z, 0-9 and hyphens, such as alert-us.")


def _retry_on(item: object) -> str | int:
    if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
        return item
    if isinstance(item, str) and (item in RETRY_KINDS or _STATUS_CLASS.fullmatch(item)):
        return item
    kinds = ", ".join(RETRY_KINDS)
    raise ValueError(f'This must be one of {kinds}, a status such as 429 or a class such as "5xx".')


def _some(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if not steps:
        raise ValueError("A workflow needs at least one step.")
    return steps


_NeedText = Annotated[
    Need,
    PlainValidator(Need.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_NEED.pattern}$"}),
]
_Key = Annotated[
    str, PlainValidator(_key), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})
]
_Slug = Annotated[
    str | None,
    PlainValidator(_slug),
    WithJsonSchema({"type": ["string", "null"], "pattern": f"^{SLUG}$", "maxLength": 63}),
]
_RetryOn = Annotated[
    str | int,
    PlainValidator(_retry_on),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(RETRY_KINDS)},
                {"type": "string", "pattern": f"^{_STATUS_CLASS.pattern}$"},
                {"type": "integer", "minimum": 100, "maximum": 599},
            ]
        }
    ),
]


class Retry(_Part):
    """When a failed attempt is tried again: after delay, delay*factor, ... seconds."""

    attempts: int = Field(4, ge=1, description="All tries together; 1 means no retry.")
    delay: float = Field(1.0, ge=0, description="Seconds before the second try.")
    factor: float = Field(2.0, ge=1, description="Growth of the delay from try to try.")
    max_delay: float = Field(60.0, ge=0, description="No wait is longer than this many seconds.")
    jitter: Literal["full", "none"] = Field(
        "full", description="full: wait a random part of the delay."
    )
    on: tuple[_RetryOn, ...] | None = Field(
        None, description="Error kinds, statuses and classes to try again; the type's own if unset."
    )


class Limits(_Part):
    timeout: float = Field(300, gt=0, description="Seconds of active time of an execution.")
    parallel: int = Field(10, ge=1, description="Steps of one execution that run at once.")


class Step(_Part):
    """A node of the graph. `when` false skips it; `join` says what it waits for (DESIGN 3)."""

    key: _Key
    type: str
    name: str | None = Field(None, max_length=200)
    needs: tuple[_NeedText, ...] = ()
    join: Literal["settled", "first", "every"] = "settled"
    when: str | None = None
    config: dict[str, JSON] = Field(default_factory=dict, alias="with")
    retry: Retry | None = None
    timeout: float | None = Field(None, gt=0, description="Seconds one try may take.")
    continue_on_failure: bool = False
    idempotent: bool | None = Field(
        None, description="The other side honours our Idempotency-Key, so a repeat does no harm."
    )
    on_unknown: Literal["park", "retry", "fail"] = Field(
        "park", description="What to do when a write was sent and its answer never came."
    )


class Definition(_Part):
    """A whole workflow; `definition.model_dump(exclude_unset=True)` is its document again."""

    schema_: Literal[1] = Field(alias="schema")
    input: dict[str, JSON] | None = Field(None, description="JSON Schema of the trigger's body.")
    limits: Limits = Limits()
    on_failure: _Slug = Field(None, description="Slug of a workflow started with the failure.")
    output: JSON = Field(None, description="What the execution returns.")
    # A length rule of pydantic counts the valid steps only and would blame a list of broken ones.
    steps: Annotated[tuple[Step, ...], AfterValidator(_some)] = Field(
        json_schema_extra={"minItems": 1}
    )


def parse(document: object) -> tuple[Definition | None, list[Problem]]:
    """Read a document; with problems (all structural ones, in document order) no definition."""
    unfit = list(unstorable(document))
    if unfit:
        return None, unfit
    try:
        # The JSON mode of a strict model is exactly JSON's types: lists become tuples, nothing
        # else is converted.
        definition = Definition.model_validate_json(json.dumps(document))
    except ValidationError as invalid:
        found = [_problem(document, mistake) for mistake in mistakes(Definition, invalid.errors())]
        return None, [*found, *_repetitions(document)]
    repeated = list(_repetitions(document))
    return (None, repeated) if repeated else (definition, [])


def _problem(document: object, mistake: Any) -> Problem:
    step, inner = _place(document, mistake.location)
    return error(mistake.code, mistake.message, step=step, field=dotted(inner) or None)


def _place(document: object, location: Location) -> tuple[str | None, Location]:
    """A location as a step's key and the rest, if the step has a usable key."""
    if len(location) >= 2 and location[0] == "steps":
        entry = at(document, location[:2])
        key = entry.get("key") if isinstance(entry, dict) else None
        if isinstance(key, str) and location[2:] != ("key",):
            return key, location[2:]
    return None, location


def _repetitions(document: object) -> Iterator[Problem]:
    """Step keys and needs that stand twice; works on the raw document, however broken."""
    steps = document.get("steps") if isinstance(document, dict) else None
    entries = (
        [entry for entry in steps if isinstance(entry, dict)] if isinstance(steps, list) else []
    )
    keys = [entry["key"] for entry in entries if isinstance(entry.get("key"), str)]
    counts = Counter(keys)
    for key in _twice(keys):
        message = f'{counts[key]} steps have the key "{key}"; every step needs its own.'
        yield error("duplicate_step", message, step=key, field="key")
    for entry in entries:
        needs = entry.get("needs")
        if isinstance(needs, list) and isinstance(entry.get("key"), str):
            for need in _twice([item for item in needs if isinstance(item, str)]):
                message = f'The need "{need}" stands twice.'
                yield error("duplicate_need", message, step=entry["key"], field="needs")


def _twice(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
