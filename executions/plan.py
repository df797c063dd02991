"""A published definition, compiled once for running: its graph and what each step reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from workflows import definition as language
from workflows import expressions, graph, schemas
from workflows.bodies import all_steps, body_of
from workflows.definition import JSON, Definition, Retry, Step
from workflows.graph import responses
from workflows.steps.base import StepType
from workflows.steps.registry import STEP_TYPES

_READ = ("steps", "secrets", "vars", "callbacks")  # in the order of the fields of Reads


@dataclass(frozen=True)
class Reads:
    """The names that a template needs from the database before it can be evaluated."""

    steps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    callbacks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """An immutable, shareable view of one version."""

    definition: Definition
    graph: graph.Graph
    reads: Mapping[str, Reads]
    output_reads: Reads
    input: schemas.Validator | None
    secrets: frozenset[str] = frozenset()  # all that the version names, bodies and what is around
    pins: Mapping[str, UUID] = field(default_factory=dict)  # versions of other workflows, by slug

    @property
    def has_children(self) -> bool:
        """Whether a step of it may start runs that it then waits for."""
        return any(self.step_type(key).has_children for key in self.graph.steps)

    @cached_property
    def response_nestings(self) -> frozenset[int]:
        """How many bodies deep its respond steps stand; empty if no caller is answered by it."""
        return responses.nestings(self.definition)

    def step(self, key: str) -> Step:
        """The step with this key."""
        return self.graph.steps[key]

    def step_type(self, key: str) -> StepType[Any]:
        """The type of the step with this key."""
        return STEP_TYPES[self.step(key).type]

    def timeout(self, key: str) -> float:
        """Seconds that one try of the step may take."""
        return self.step(key).timeout or self.step_type(key).default_timeout

    def retry(self, key: str) -> Retry | None:
        """The step's retry policy: its own, else its type's, else none."""
        return self.step(key).retry or self.step_type(key).default_retry


def compile_plan(
    document: object, *, body: str | None = None, pins: Mapping[str, UUID] | None = None
) -> Plan:
    """Compile a published definition, or the body of one of its for_each steps.

    Raises ValueError if it is not a valid one.
    """
    parsed, problems = language.parse(document)
    if parsed is None:
        raise ValueError("; ".join(problem.message for problem in problems))
    secrets = _reads(_evaluated(step) for step in all_steps(parsed)).secrets
    if body is not None:
        parsed = body_of(parsed, body)
    return Plan(
        definition=parsed,
        graph=graph.build(parsed),
        reads={step.key: _reads([_evaluated(step), step.when]) for step in parsed.steps},
        output_reads=_reads([parsed.output]),
        input=None if parsed.input is None else schemas.compile(parsed.input),
        secrets=secrets,
        pins=pins or {},
    )


def _evaluated(step: Step) -> JSON:
    """The config without what is not evaluated as the step's own, such as a body."""
    step_type = STEP_TYPES[step.type]
    others = step_type.deferred - step_type.deferred_names.keys()
    return {key: value for key, value in step.config.items() if key not in others}


def _reads(values: Iterable[JSON]) -> Reads:
    found: dict[str, set[str]] = {name: set() for name in _READ}
    for value in values:
        for _, source in expressions.templates(value):
            for root, *rest in expressions.parse(source).references:
                if root in found and rest:
                    found[root].add(rest[0])
    return Reads(*(frozenset(found[name]) for name in _READ))
