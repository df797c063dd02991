"""The graph of a definition. Knows edges and order, nothing of step types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workflows.definition import Definition, Need, Step


@dataclass(frozen=True)
class Graph:
    """Built once for a version and kept with it.

    `order` is topological, and by place in the definition where the edges leave a choice. `depth`
    counts the steps of the longest path. `handles_failure` are the steps whose failure does not
    fail the execution: an edge takes it, or they continue on failure.
    """

    steps: Mapping[str, Step]
    order: tuple[str, ...]
    roots: tuple[str, ...]
    depth: int
    incoming: Mapping[str, tuple[Need, ...]]
    sources: Mapping[str, frozenset[str]]
    outgoing: Mapping[str, tuple[str, ...]]
    handles_failure: frozenset[str]
    upstream: Mapping[str, frozenset[str]]


def build(definition: Definition) -> Graph:
    """Raises ValueError if a need names no step, or if the steps need each other in a circle."""
    steps = {step.key: step for step in definition.steps}
    for step in definition.steps:
        for need in step.needs:
            if need.step not in steps:
                raise ValueError(
                    f'The step "{step.key}" needs "{need.step}", which does not exist.'
                )
    order = sort(definition)
    if len(order) < len(steps):
        raise ValueError(f"The steps need each other in a circle: {path(cycles(definition)[0])}.")
    outgoing = _outgoing(definition)
    depths = _depths(steps, order)
    return Graph(
        steps=steps,
        order=order,
        roots=tuple(key for key in order if not steps[key].needs),
        depth=max(depths.values()),
        incoming={key: step.needs for key, step in steps.items()},
        sources={key: frozenset(_sources(step)) for key, step in steps.items()},
        outgoing=outgoing,
        handles_failure=_handles_failure(definition),
        upstream={key: upstream(steps, key) for key in order},
    )


def sort(definition: Definition) -> tuple[str, ...]:
    """Steps in topological order, without those on a circle or behind one (Kahn)."""
    order: list[str] = []
    done: set[str] = set()
    remaining = list(definition.steps)
    while True:
        ready = [step for step in remaining if done.issuperset(_sources(step))]
        if not ready:
            return tuple(order)
        order.extend(step.key for step in ready)
        done.update(step.key for step in ready)
        remaining = [step for step in remaining if step.key not in done]


def cycles(definition: Definition) -> list[tuple[str, ...]]:
    """Circles of needs, no two of which share a step; each one in the direction it would run."""
    found: list[tuple[str, ...]] = []
    steps = {step.key: step for step in definition.steps}
    while circle := _circle(steps):
        found.append(circle)
        steps = {key: step for key, step in steps.items() if key not in circle}
    return found


def path(keys: Sequence[str]) -> str:
    return " -> ".join((*keys, keys[0]))


def upstream(steps: Mapping[str, Step], key: str) -> frozenset[str]:
    """Every step that comes before a step; works on broken graphs too."""
    found: set[str] = set()
    pending = [key]
    while pending:
        step = steps.get(pending.pop())
        sources = _sources(step) - found if step else set()
        found |= sources
        pending.extend(sources)
    return frozenset(found & steps.keys())


def _sources(step: Step) -> set[str]:
    return {need.step for need in step.needs}


def _circle(steps: Mapping[str, Step]) -> tuple[str, ...] | None:
    """Peel off what can be ordered; from the rest, every walk against the edges runs in circles."""
    rest = dict(steps)
    while free := [key for key, step in rest.items() if not _sources(step) & rest.keys()]:
        for key in free:
            del rest[key]
    if not rest:
        return None
    walk = [next(iter(rest))]
    while True:
        before = next(need.step for need in rest[walk[-1]].needs if need.step in rest)
        if before in walk:
            circle = walk[walk.index(before) :][::-1]
            start = min(range(len(circle)), key=lambda index: list(steps).index(circle[index]))
            return tuple(circle[start:] + circle[:start])
        walk.append(before)


def _outgoing(definition: Definition) -> dict[str, tuple[str, ...]]:
    followers: dict[str, list[str]] = {step.key: [] for step in definition.steps}
    for step in definition.steps:
        for source in dict.fromkeys(need.step for need in step.needs):
            followers[source].append(step.key)
    return {key: tuple(keys) for key, keys in followers.items()}


def _depths(steps: Mapping[str, Step], order: Sequence[str]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for key in order:
        depths[key] = 1 + max((depths[need.step] for need in steps[key].needs), default=0)
    return depths


def _handles_failure(definition: Definition) -> frozenset[str]:
    taken = {
        need.step
        for step in definition.steps
        for need in step.needs
        if need.outcome in ("failure", "always")
    }
    return frozenset(taken | {step.key for step in definition.steps if step.continue_on_failure})
