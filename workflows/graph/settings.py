"""Are the numbers within the limits and the configs what their step types take?"""

from __future__ import annotations

from collections.abc import Iterator

from workflows.definition import Definition, Retry, Step
from workflows.graph.structure import Graph
from workflows.limits import DefinitionLimits
from workflows.problems import Problem, dotted, error
from workflows.steps.base import config_problems
from workflows.steps.registry import STEP_TYPES


def problems(definition: Definition, limits: DefinitionLimits) -> Iterator[Problem]:
    if len(definition.steps) > limits.steps:
        message = f"A workflow has at most {limits.steps} steps, this one {len(definition.steps)}."
        yield error("too_many_steps", message, field="steps")
    yield from _above(definition.limits.timeout, limits.timeout, "limits.timeout", " seconds")
    yield from _above(definition.limits.parallel, limits.parallel, "limits.parallel")
    for step in definition.steps:
        if step.type in STEP_TYPES:
            yield from _step_problems(step)
        if step.retry:
            yield from _retry_problems(step.key, step.retry, limits)


def depth_problems(graph: Graph, limits: DefinitionLimits) -> Iterator[Problem]:
    if graph.depth > limits.depth:
        message = (
            f"The longest path has {graph.depth} steps, at most {limits.depth} are allowed."
            " Steps that do not need each other can run side by side."
        )
        yield error("too_deep", message, field="steps")


def _step_problems(step: Step) -> Iterator[Problem]:
    step_type = STEP_TYPES[step.type]
    for mistake in config_problems(step_type, step.config):
        field = dotted(("with", *mistake.location))
        yield error(mistake.code, mistake.message, step=step.key, field=field)
    yield from _above(step.timeout or 0, step_type.max_timeout, "timeout", " seconds", step.key)


def _retry_problems(key: str, retry: Retry, limits: DefinitionLimits) -> Iterator[Problem]:
    yield from _above(retry.attempts, limits.retry_attempts, "retry.attempts", "", key)
    yield from _above(retry.delay, limits.retry_delay, "retry.delay", " seconds", key)
    yield from _above(retry.max_delay, limits.retry_delay, "retry.max_delay", " seconds", key)


def _above(
    value: float, limit: float, field: str, unit: str = "", step: str | None = None
) -> Iterator[Problem]:
    if value > limit:
        message = f"This may be at most {limit:g}{unit}, not {value:g}."
        yield error("over_limit", message, step=step, field=field)
