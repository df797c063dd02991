"""What may be meant so, but mostly is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from workflows.definition import Step
from workflows.graph.levels import Level
from workflows.graph.structure import Graph
from workflows.graph.texts import texts
from workflows.problems import Problem, warning
from workflows.steps.registry import STEP_TYPES

Graphs = Sequence[tuple[Level, Graph]]


def problems(graphs: Graphs) -> Iterator[Problem]:
    yield from _outlasting(graphs)
    for _, graph in graphs:
        for step in graph.steps.values():
            if _would_park(step):
                yield warning("would_park", _parking(step), step=step.key, field="on_unknown")
    read = _read_outputs(level for level, _ in graphs)
    for _, graph in graphs:
        for key, step in graph.steps.items():
            if graph.outgoing[key] and not {key, ANY} & read and _is_for_output(step):
                message = f'Nobody reads the output of "{key}".'
                yield warning("unread_output", message, step=key)


def _would_park(step: Step) -> bool:
    decided = step.idempotent or step.on_unknown != "park"
    return not decided and STEP_TYPES[step.type].may_park(step.config)


def _parking(step: Step) -> str:
    if step.type == "email":
        return (
            "If the mail server's answer is lost, the step waits for a person, because the mail may"
            " have gone out. Choose `on_unknown: retry` or `fail` to decide beforehand."
        )
    return (
        "If the answer to this request is lost, the step waits for a person, because the"
        " request may have had effect. Say `idempotent: true` if the other side honours"
        " the header Idempotency-Key, or choose `on_unknown: retry` or `fail`."
    )


def _is_for_output(step: Step) -> bool:
    return STEP_TYPES[step.type].is_for_output(step.config)


ANY = "*"
"""Stands for every step: an expression that takes `steps` as a whole may read any of them."""


def _read_outputs(levels: Iterable[Level]) -> set[str]:
    read: set[str] = set()
    for level in levels:
        for text in texts(level.definition):
            for reference in text.references:
                if reference[0] == "steps" and reference[2:3] in ((), ("output",)):
                    read.add(reference[1] if len(reference) > 1 else ANY)
    return read


def _outlasting(graphs: Graphs) -> Iterator[Problem]:
    """Only active time counts: not the pauses between tries, and not what a step waits for
    (DESIGN 3). How many items a body will be run for is not known: it counts once.
    """
    inside: dict[str, float] = {}
    for level, graph in reversed(graphs):  # bodies before what holds them
        seconds, path = _longest(graph, inside)
        limit = level.definition.limits.timeout
        if level.owner is not None:
            inside[level.owner.key] = seconds
        elif seconds > limit:
            message = (
                f"In the worst case {' -> '.join(path)} takes {seconds:g} seconds of timeouts and"
                f" tries, but the execution ends after {limit:g}. Shorter timeouts or fewer tries"
                " help."
            )
            yield warning("may_outlast_limit", message, field="limits.timeout")


def _longest(graph: Graph, inside: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
    """Seconds of the path that takes longest, and its steps."""
    longest: dict[str, tuple[float, tuple[str, ...]]] = {}
    for key in graph.order:
        before = [longest[need.step] for need in graph.incoming[key]]
        seconds, path = max(before, key=lambda item: item[0], default=(0.0, ()))
        own = _worst_case(graph.steps[key], inside.get(key, 0.0))
        longest[key] = (seconds + own, (*path, key))
    return max(longest.values(), key=lambda item: item[0])


def _worst_case(step: Step, inside: float) -> float:
    """Seconds of active time if every try, of `inside` seconds more, runs into its timeout."""
    step_type = STEP_TYPES[step.type]
    retry = step.retry or step_type.default_retry
    timeout = step.timeout or step_type.default_timeout
    return (timeout + inside) * (retry.attempts if retry else 1)
