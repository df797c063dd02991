"""Do the needs name steps and outcomes that exist, and do they lead forward?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from workflows.definition import Need, Step
from workflows.graph.levels import Level
from workflows.graph.structure import cycles, path
from workflows.problems import Problem, error, hint, one_of, warning
from workflows.steps.registry import STEP_TYPES

_FATAL = frozenset(("cycle", "unknown_step", "unknown_outcome", "unknown_type"))


def problems(levels: Sequence[Level]) -> Iterator[Problem]:
    """Errors first, so that whoever looks at some of them knows whether there are any."""
    homes = {key: level for level in levels for key in level.steps}
    for level in levels:
        for circle in cycles(level.definition):
            message = f"These steps need each other in a circle: {path(circle)}."
            yield error("cycle", message, step=circle[0], field="needs")
        for step in level.definition.steps:
            yield from _step_problems(homes, level, step)
    for key, level in homes.items():
        step = level.steps[key]
        if len(step.needs) < 2 and "join" in step.model_fields_set:
            message = "A join matters only to a step with two needs or more."
            yield warning("idle_join", message, step=key, field="join")


def _step_problems(homes: Mapping[str, Level], level: Level, step: Step) -> Iterator[Problem]:
    if step.type not in STEP_TYPES:
        message = f'There is no step type "{step.type}".{hint(step.type, STEP_TYPES)}'
        yield error("unknown_type", message, step=step.key, field="type")
    for index, need in enumerate(step.needs):
        yield from _need_problems(homes, level, step, need, f"needs[{index}]")


def is_sound(found: Iterable[Problem]) -> bool:
    """Whether the edges are good enough to reason about the graph."""
    return _FATAL.isdisjoint(problem.code for problem in found)


def outcomes(step: Step) -> tuple[str, ...]:
    """All outcomes a step may end with; `failure` is always one of them."""
    return (*STEP_TYPES[step.type].outcomes(step.config), "failure")


def _need_problems(
    homes: Mapping[str, Level], level: Level, step: Step, need: Need, field: str
) -> Iterator[Problem]:
    source = level.steps.get(need.step)
    if source is None and need.step in homes:
        message = _elsewhere(need.step, homes[need.step], level)
        yield error("unknown_step", message, step=step.key, field=field)
    elif source is None:
        others = level.steps.keys() - {step.key}
        message = f'There is no step "{need.step}".{hint(need.step, others)}'
        yield error("unknown_step", message, step=step.key, field=field)
    elif source.type in STEP_TYPES and need.outcome not in (*outcomes(source), "always"):
        yield error("unknown_outcome", _ending(source, need), step=step.key, field=field)


def _elsewhere(key: str, home: Level, level: Level) -> str:
    """Why a step of another level cannot be needed, and what can be instead."""
    if home.owner is None:
        return f'"{key}" is outside this body: its steps can need each other only.'
    owner = home.owner.key
    instead = f' Need "{owner}".' if owner in level.steps else ""
    return f'"{key}" is inside the body of "{owner}" and cannot be needed here.{instead}'


def _ending(source: Step, need: Need) -> str:
    labels = (*outcomes(source), "always")
    valid = one_of([str(Need(source.key, label)) for label in labels])
    return f'The {source.type} step "{source.key}" never ends with {need.outcome}: use {valid}.'
