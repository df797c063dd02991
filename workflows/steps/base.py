"""What a step type is: a config, its outcomes, and a `run` that returns a value."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from workflows import expressions
from workflows.definition import JSON, Retry
from workflows.problems import NOT_JSON, Location, Mistake, dotted, mistakes
from workflows.steps.world import (
    HttpClient,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    Mail,
    Mailer,
    MailFailure,
    World,
)

__all__ = [
    "Config",
    "ConfigError",
    "Done",
    "Error",
    "Failed",
    "ForEach",
    "HttpClient",
    "HttpFailure",
    "HttpRequest",
    "HttpResponse",
    "Mail",
    "MailFailure",
    "Mailer",
    "Result",
    "StartWorkflow",
    "StepType",
    "Wait",
    "World",
    "config_problems",
]


@dataclass(frozen=True)
class Error:
    """Why a step failed. `kind` is what retries and failure paths go by.

    `retry_after` is in seconds, as the other side asked. `sent`: a request may have had effect.
    """

    kind: str
    message: str
    details: dict[str, JSON] = field(default_factory=dict)
    status: int | None = None
    sent: bool = False
    retry_after: float | None = None


@dataclass(frozen=True)
class Done:
    output: JSON = None
    outcome: str = "success"


@dataclass(frozen=True)
class Failed:
    error: Error


@dataclass(frozen=True)
class Wait:
    """The step sleeps in the database, not in a worker.

    At `until` it is run again, with `state` in `world.waited`; without `until` only an answer ends
    it. `answer` says who may end it before that: whoever has its one-time address (callback), or a
    person (approval). `ask` is what that person is shown and who it may be.
    """

    until: datetime | None = None
    state: JSON = None
    answer: Literal["callback", "approval"] | None = None
    ask: JSON = None


@dataclass(frozen=True)
class ForEach:
    """The step ends when a run of its body has ended for each item, `parallel` at once.

    `collect`: a failed item does not fail the step.
    """

    items: tuple[JSON, ...]
    parallel: int
    collect: bool


@dataclass(frozen=True)
class StartWorkflow:
    """The step starts another workflow and, if `wait`, ends when that has ended.

    `workflow` is its slug; which version runs was pinned when the step's workflow was published.
    """

    workflow: str
    input: JSON
    wait: bool


Result = Done | Failed | Wait | ForEach | StartWorkflow


class ConfigError(ValueError):
    """A rendered config that its step type cannot take; the message is a sentence."""


class Config(BaseModel):
    """Base of the step types' configs. Strict, since a rendered value has its own type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, serialize_by_alias=True
    )


C = TypeVar("C", bound=Config)


class StepType(ABC, Generic[C]):
    """One instance a type, in `registry.STEP_TYPES`. Times are seconds."""

    key: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    Config: type[C]
    takes_secrets: ClassVar[bool] = False
    calls_out: ClassVar[bool] = False
    """Whether `run` waits for somebody else, so that others should know first how things stand."""
    has_children: ClassVar[bool] = False
    """Whether `run` may start executions that the step then waits for."""
    default_retry: ClassVar[Retry | None] = None
    max_timeout: ClassVar[float] = 5
    default_timeout: ClassVar[float] = 5
    output_keys: ClassVar[frozenset[str] | None] = None
    """The keys of the output, if they are always the same, so that publish finds a typo."""
    deferred: ClassVar[frozenset[str]] = frozenset()
    """Keys of the config that are handed to the type as they are written, expressions and all."""
    deferred_names: ClassVar[Mapping[str, Mapping[str, frozenset[str]]]] = {}
    """For a deferred key that is evaluated later: the names it may use besides the step's own,
    each with its members."""
    schema_keys: ClassVar[frozenset[str]] = frozenset()
    """Deferred keys that hold a JSON Schema."""
    repeats: ClassVar[bool] = False
    """Whether one run of the step makes its call again and again."""
    failures: ClassVar[frozenset[str]] = frozenset()
    """Kinds of error that only this type and types like it end with."""

    def outcomes(self, config: dict[str, JSON]) -> tuple[str, ...]:
        """How a step with this raw config may end, besides `failure`."""
        return ("success",)

    def repeatable(self, config: C) -> bool:
        """Whether it may run again without harm when its answer is unknown (DESIGN 4.5)."""
        return True

    def may_park(self, config: dict[str, JSON]) -> bool:
        """Whether a step with this raw config surely is not repeatable."""
        return False

    def is_for_output(self, config: dict[str, JSON]) -> bool:
        """Whether a step with this raw config is pointless when nobody reads its output."""
        return False

    def load(self, rendered: dict[str, JSON]) -> C:
        """The config of one run, expressions rendered. Raises ConfigError with a sentence."""
        try:
            return _validated(self.Config, rendered)
        except ValidationError as invalid:
            first = next(mistakes(self.Config, invalid.errors()))
            where = dotted(("with", *first.location))
            raise ConfigError(f"{where}: {first.message}") from None
        except (ValueError, RecursionError):
            raise ConfigError(f"with: {NOT_JSON}") from None

    @abstractmethod
    def run(self, config: C, world: World) -> Result: ...


def config_problems(step_type: StepType[Config], raw: dict[str, JSON]) -> Iterator[Mistake]:
    """What is wrong with a raw config, however its expressions will turn out."""
    try:
        _validated(step_type.Config, raw)
    except ValidationError as invalid:
        rendered = {key: value for key, value in raw.items() if key not in step_type.deferred}
        open_places = {path for path, _ in expressions.templates(rendered)}
        for mistake in mistakes(step_type.Config, invalid.errors()):
            if open_places.isdisjoint(_prefixes(mistake.location)):
                yield mistake


def _prefixes(location: Location) -> Iterator[Location]:
    # Pydantic appends the names of union members to the path of the value that it blames.
    return (location[:end] for end in range(1, len(location) + 1))


def _validated(model: type[C], config: dict[str, JSON]) -> C:
    # By way of JSON, the only mode in which a strict model takes a list for a tuple.
    return model.model_validate_json(json.dumps(config, allow_nan=False))
