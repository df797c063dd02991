"""A definition and the bodies in it, each of which is a graph of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from workflows import bodies
from workflows.definition import Definition, Step
from workflows.graph.structure import upstream
from workflows.problems import Problem


@dataclass(frozen=True)
class Level:
    """A definition (`owner` is None), or the body of the step `owner` of the level `outer`."""

    definition: Definition
    owner: Step | None = None
    outer: Level | None = None

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        return {step.key: step for step in self.definition.steps}

    @cached_property
    def upstream(self) -> Mapping[str, frozenset[str]]:
        """What comes before each step in its own graph."""
        return {key: upstream(self.steps, key) for key in self.steps}

    @cached_property
    def around(self) -> frozenset[str]:
        """The steps outside this body that everything in it may read."""
        if self.owner is None or self.outer is None:
            return frozenset()
        return self.outer.visible(self.owner)

    @property
    def nesting(self) -> int:
        return 0 if self.outer is None else self.outer.nesting + 1

    def visible(self, step: Step | None) -> frozenset[str]:
        """The steps whose results a step may read; None stands for the output or result."""
        own = frozenset(self.steps) if step is None else self.upstream[step.key]
        return own | self.around

    def placed(self, problem: Problem) -> Problem:
        """A problem of this level's definition, placed in the whole: an output of a body is the
        result of its owner."""
        if self.owner is None or problem.step is not None:
            return problem
        field = f"with.result{(problem.field or '').removeprefix('output')}"
        return replace(problem, step=self.owner.key, field=field)


def levels(definition: Definition) -> tuple[Level, ...]:
    """The definition's own level first, a body after the level that holds its step."""
    return tuple(_within(Level(definition)))


def _within(level: Level) -> Iterator[Level]:
    yield level
    for step, body in bodies.own_bodies(level.definition):
        yield from _within(Level(body, step, level))
