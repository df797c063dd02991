"""Do the needs name steps and outcomes that exist, and do they lead forward?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workflows.definition import Definition, Need, Step
from workflows.graph.structure import cycles, path
from workflows.problems import Problem, error, hint, one_of, warning
from workflows.steps.registry import STEP_TYPES

_FATAL = frozenset(("cycle", "unknown_step", "unknown_outcome", "unknown_type"))


def problems(definition: Definition) -> Iterator[Problem]:
    steps = {step.key: step for step in definition.steps}
    for circle in cycles(definition):
        message = f"These steps need each other in a circle: {path(circle)}."
        yield error("cycle", message, step=circle[0], field="needs")
    for step in definition.steps:
        if step.type not in STEP_TYPES:
            message = f'There is no step type "{step.type}".{hint(step.type, STEP_TYPES)}'
            yield error("unknown_type", message, step=step.key, field="type")
        for index, need in enumerate(step.needs):
            yield from _need_problems(steps, step, need, f"needs[{index}]")
        if len(step.needs) < 2 and "join" in step.model_fields_set:
            message = "A join matters only to a step with two needs or more."
            yield warning("idle_join", message, step=step.key, field="join")


def is_sound(found: Iterable[Problem]) -> bool:
    """Whether the edges are good enough to reason about the graph."""
    return _FATAL.isdisjoint(problem.code for problem in found)


def outcomes(step: Step) -> tuple[str, ...]:
    """All outcomes a step may end with; `failure` is always one of them."""
    return (*STEP_TYPES[step.type].outcomes(step.config), "failure")


def _need_problems(steps: dict[str, Step], step: Step, need: Need, field: str) -> Iterator[Problem]:
    source = steps.get(need.step)
    if source is None:
        message = f'There is no step "{need.step}".{hint(need.step, steps.keys() - {step.key})}'
        yield error("unknown_step", message, step=step.key, field=field)
    elif source.type in STEP_TYPES and need.outcome not in (*outcomes(source), "always"):
        yield error("unknown_outcome", _ending(source, need), step=step.key, field=field)


def _ending(source: Step, need: Need) -> str:
    labels = (*outcomes(source), "always")
    valid = one_of([str(Need(source.key, label)) for label in labels])
    return f'The {source.type} step "{source.key}" never ends with {need.outcome}: use {valid}.'
