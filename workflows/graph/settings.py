"""Are the numbers within the limits and the configs what their step types take?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from workflows import expressions, schemas
from workflows.definition import TYPE_RETRY_KINDS, Definition, Retry, Step
from workflows.graph.levels import Level
from workflows.limits import DefinitionLimits
from workflows.problems import Problem, dotted, error
from workflows.steps.base import config_problems
from workflows.steps.registry import STEP_TYPES


def problems(levels: Sequence[Level], limits: DefinitionLimits) -> Iterator[Problem]:
    yield from _head_problems(levels[0].definition, limits)
    yield from size_problems(levels, limits)
    for level in levels:
        for step in level.definition.steps:
            if step.type in STEP_TYPES:
                yield from _step_problems(step)
            if step.retry:
                yield from _retry_problems(step, step.retry, limits)


def count(levels: Sequence[Level]) -> int:
    """Steps, with those of bodies."""
    return sum(len(level.definition.steps) for level in levels)


def size_problems(levels: Sequence[Level], limits: DefinitionLimits) -> Iterator[Problem]:
    if count(levels) > limits.steps:
        message = f"A workflow has at most {limits.steps} steps, this one {count(levels)}."
        yield error("too_many_steps", message, field="steps")


def _head_problems(definition: Definition, limits: DefinitionLimits) -> Iterator[Problem]:
    given = definition.limits
    yield from _above(given.timeout, limits.timeout, "limits.timeout", " seconds")
    yield from _above(given.parallel, limits.parallel, "limits.parallel")
    if "limit" in given.model_fields_set and given.executions is None:
        message = "This says what happens above limits.executions, which is not set."
        yield error("idle_limit", message, field="limits.limit")


def _step_problems(step: Step) -> Iterator[Problem]:
    step_type = STEP_TYPES[step.type]
    for mistake in config_problems(step_type, step.config):
        field = dotted(("with", *mistake.location))
        yield error(mistake.code, mistake.message, step=step.key, field=field)
    for key in sorted(step_type.schema_keys & step.config.keys()):
        yield from _schema_problems(step, key)
    if step_type.repeats and step_type.may_park(step.config) and not step.idempotent:
        message = (
            "This asks again and again, so the method must be one that may be repeated: GET, HEAD,"
            " OPTIONS, PUT or DELETE. Say `idempotent: true` if another one does no harm."
        )
        yield error("unsafe_repetition", message, step=step.key, field="with")
    yield from _timeout_problems(step)


def _timeout_problems(step: Step) -> Iterator[Problem]:
    step_type = STEP_TYPES[step.type]
    for problem in _above(
        step.timeout or 0, step_type.max_timeout, "timeout", " seconds", step.key
    ):
        waits = step_type.Config.model_fields.keys() & {"timeout", "limit"}
        advice = f" How long it waits is said in with.{waits.pop()}." if waits else ""
        yield replace(problem, message=problem.message + advice)


def _schema_problems(step: Step, key: str) -> Iterator[Problem]:
    schema = step.config[key]
    if not isinstance(schema, dict):
        return  # the config's own problem
    for place, _ in expressions.templates(schema):
        message = "A schema is fixed when the workflow is published: no expression may stand here."
        field = dotted(("with", key, *place))
        yield error("bad_schema", message, step=step.key, field=field)
    for flaw in schemas.flaws(schema):
        field = dotted(("with", key, *flaw.location))
        yield error(flaw.code, flaw.message, step=step.key, field=field)


def _retry_problems(step: Step, retry: Retry, limits: DefinitionLimits) -> Iterator[Problem]:
    key = step.key
    yield from _above(retry.attempts, limits.retry_attempts, "retry.attempts", "", key)
    yield from _above(retry.delay, limits.retry_delay, "retry.delay", " seconds", key)
    yield from _above(retry.max_delay, limits.retry_delay, "retry.max_delay", " seconds", key)
    step_type = STEP_TYPES.get(step.type)
    for kind in retry.on or ():
        if step_type and kind in TYPE_RETRY_KINDS and kind not in step_type.failures:
            message = f'A {step.type} step never fails with "{kind}".'
            yield error("idle_retry", message, step=key, field="retry.on")


def _above(
    value: float, limit: float, field: str, unit: str = "", step: str | None = None
) -> Iterator[Problem]:
    if value > limit:
        message = f"This may be at most {limit:g}{unit}, not {value:g}."
        yield error("over_limit", message, step=step, field=field)
