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
from itertools import islice
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
from workflows.problems import MAX_PROBLEMS, Location, Problem, at, dotted, error, mistakes

__all__ = [
    "JSON",
    "Body",
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

RETRY_KINDS = ("any", "connect", "timeout", "broken", "lost", "expression", "config")
TYPE_RETRY_KINDS = ("poll_limit", "child", "mail")
"""Kinds of error with which only some step types fail."""
FOR_EACH = "for_each"
"""The step type that holds steps itself, in `with.steps`: its body."""
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


def slug(text: object) -> str:
    """The text, if it can be a workflow's slug. Raises ValueError with a sentence."""
    if isinstance(text, str) and re.fullmatch(SLUG, text) and len(text) <= 63:
        return text
    raise ValueError("This must be a workflow's slug: a-z, 0-9 and hyphens, such as alert-us.")


def _retry_on(item: object) -> str | int:
    if isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599:
        return item
    named = (*RETRY_KINDS, *TYPE_RETRY_KINDS)
    if isinstance(item, str) and (item in named or _STATUS_CLASS.fullmatch(item)):
        return item
    kinds = ", ".join(named)
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
    PlainValidator(lambda text: None if text is None else slug(text)),
    WithJsonSchema({"type": ["string", "null"], "pattern": f"^{SLUG}$", "maxLength": 63}),
]
_RetryOn = Annotated[
    str | int,
    PlainValidator(_retry_on),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*RETRY_KINDS, *TYPE_RETRY_KINDS]},
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
    executions: int | None = Field(
        None, ge=1, le=10_000, description="Executions of the workflow that run at once."
    )
    limit: Literal["queue", "drop", "cancel_oldest"] = Field(
        "queue", description="What one more execution does: wait, not start, or take a place."
    )


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


class Body(_Part):
    """What a step that holds steps says of them; the rest of its config is its type's matter."""

    model_config = ConfigDict(extra="ignore")
    steps: Annotated[tuple[Step, ...], AfterValidator(_some)]


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
    """Read a document; with problems (structural ones, in document order) no definition.

    In a definition every body of a `for_each` step reads as a Body.
    """
    unfit = list(unstorable(document))
    if unfit:
        return None, unfit
    found = list(islice(_problems(document), MAX_PROBLEMS))
    if found:
        return None, found
    # The JSON mode of a strict model is exactly JSON's types: lists become tuples, nothing else
    # is converted.
    return Definition.model_validate_json(json.dumps(document)), []


def _problems(document: object) -> Iterator[Problem]:
    yield from _mistakes(Definition, document, document)
    for location, config in _bodies(document):
        yield from _mistakes(Body, config, document, location)
    yield from _repetitions(document)


def _mistakes(
    model: type[BaseModel], value: object, document: object, location: Location = ()
) -> Iterator[Problem]:
    """What is wrong with a part of the document."""
    try:
        model.model_validate_json(json.dumps(value))
    except ValidationError as invalid:
        for mistake in mistakes(model, invalid.errors()):
            step, inner = _place(document, (*location, *mistake.location))
            yield error(mistake.code, mistake.message, step=step, field=dotted(inner) or None)


def _place(document: object, location: Location) -> tuple[str | None, Location]:
    """A location as the key of the innermost step and the rest, if the step has a usable key."""
    for end in range(len(location), 1, -1):
        if location[end - 2] == "steps" and isinstance(location[end - 1], int):
            entry = at(document, location[:end])
            key = entry.get("key") if isinstance(entry, dict) else None
            if isinstance(key, str) and location[end:] != ("key",):
                return key, location[end:]
    return None, location


def _entries(document: object, location: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Every object that stands where a step should, those of bodies after the step that holds
    them; works on the raw document, however broken."""
    holder = at(document, location)
    steps = holder.get("steps") if isinstance(holder, dict) else None
    for index, entry in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(entry, dict):
            place = (*location, "steps", index)
            yield place, entry
            if entry.get("type") == FOR_EACH:
                yield from _entries(document, (*place, "with"))


def _bodies(document: object) -> Iterator[tuple[Location, object]]:
    for place, entry in _entries(document):
        if entry.get("type") == FOR_EACH:
            config = entry.get("with", {})
            if isinstance(config, dict):  # else the definition's own mistake
                yield (*place, "with"), config


def _repetitions(document: object) -> Iterator[Problem]:
    """Step keys and needs that stand twice."""
    entries = [entry for _, entry in _entries(document) if isinstance(entry.get("key"), str)]
    keys = [entry["key"] for entry in entries]
    counts = Counter(keys)
    for key in _twice(keys):
        message = f'{counts[key]} steps have the key "{key}"; every step needs its own.'
        yield error("duplicate_step", message, step=key, field="key")
    for entry in entries:
        needs = entry.get("needs")
        listed = needs if isinstance(needs, list) else []
        for need in _twice([item for item in listed if isinstance(item, str)]):
            message = f'The need "{need}" stands twice.'
            yield error("duplicate_need", message, step=entry["key"], field="needs")


def _twice(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
