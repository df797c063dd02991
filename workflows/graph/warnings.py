"""What may be meant so, but mostly is not."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.definition import Definition, Step
from workflows.graph.structure import Graph
from workflows.graph.texts import texts
from workflows.problems import Problem, warning
from workflows.steps.registry import STEP_TYPES


def problems(definition: Definition, graph: Graph) -> Iterator[Problem]:
    yield from _outlasting(definition, graph)
    for step in definition.steps:
        if _would_park(step):
            message = (
                "If the answer to this request is lost, the step waits for a person, because the"
                " request may have had effect. Say `idempotent: true` if the other side honours"
                " the header Idempotency-Key, or choose `on_unknown: retry` or `fail`."
            )
            yield warning("would_park", message, step=step.key, field="on_unknown")
    read = _read_outputs(definition)
    for step in definition.steps:
        if graph.outgoing[step.key] and not {step.key, ANY} & read and _is_for_output(step):
            message = f'Nobody reads the output of "{step.key}".'
            yield warning("unread_output", message, step=step.key)


def _would_park(step: Step) -> bool:
    decided = step.idempotent or step.on_unknown != "park"
    return not decided and STEP_TYPES[step.type].may_park(step.config)


def _is_for_output(step: Step) -> bool:
    return STEP_TYPES[step.type].is_for_output(step.config)


ANY = "*"
"""Stands for every step: an expression that takes `steps` as a whole may read any of them."""


def _read_outputs(definition: Definition) -> set[str]:
    read: set[str] = set()
    for text in texts(definition):
        for reference in text.references:
            if reference[0] == "steps" and reference[2:3] in ((), ("output",)):
                read.add(reference[1] if len(reference) > 1 else ANY)
    return read


def _outlasting(definition: Definition, graph: Graph) -> Iterator[Problem]:
    """Only active time counts: the pauses between tries do not (DESIGN 3)."""
    longest: dict[str, tuple[float, tuple[str, ...]]] = {}
    for key in graph.order:
        before = [longest[need.step] for need in graph.incoming[key]]
        seconds, path = max(before, key=lambda item: item[0], default=(0.0, ()))
        longest[key] = (seconds + _worst_case(graph.steps[key]), (*path, key))
    seconds, path = max(longest.values(), key=lambda item: item[0])
    limit = definition.limits.timeout
    if seconds > limit:
        message = (
            f"In the worst case {' -> '.join(path)} takes {seconds:g} seconds of timeouts and"
            f" tries, but the execution ends after {limit:g}. Shorter timeouts or fewer tries help."
        )
        yield warning("may_outlast_limit", message, field="limits.timeout")


def _worst_case(step: Step) -> float:
    """Seconds of active time if every try runs into its timeout."""
    step_type = STEP_TYPES[step.type]
    retry = step.retry or step_type.default_retry
    timeout = step.timeout or step_type.default_timeout
    return timeout * (retry.attempts if retry else 1)
