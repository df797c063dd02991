"""Which steps can never run, found by what must have happened before them.

For each step this keeps a condition: which outcomes other steps must have ended with. All edges of
an `every` join must hold together; of the other joins one is enough, so only what all the edges
have in common is kept. The condition is thus never stronger than the truth: a step that is
reported can truly not run, though not every such step is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workflows.definition import Need, Step
from workflows.graph.edges import outcomes
from workflows.graph.structure import Graph
from workflows.problems import Problem, error, one_of

Condition = dict[str, frozenset[str]]


def problems(graph: Graph) -> Iterator[Problem]:
    starts = conditions(graph)
    for key in graph.order:
        if starts[key] is None:
            step = graph.steps[key]
            possible = _possible(graph, step, starts)
            if len(possible) == len(step.needs):
                yield _clash(step, possible)
            else:
                yield _unreachable(step, starts)


def conditions(graph: Graph) -> dict[str, Condition | None]:
    """What must have happened before each step starts; None if it never does."""
    found: dict[str, Condition | None] = {}
    for key in graph.order:
        step = graph.steps[key]
        found[key] = _to_start(step, _possible(graph, step, found))
    return found


def may_both_run(one: Condition | None, other: Condition | None) -> bool:
    """Whether nothing keeps two steps with these conditions from running in one execution."""
    return one is not None and other is not None and _all([one, other]) is not None


def _possible(graph: Graph, step: Step, conditions: dict[str, Condition | None]) -> list[Condition]:
    """What must hold for each edge into a step that can be taken."""
    edges = (_of_edge(graph, need, conditions) for need in step.needs)
    return [edge for edge in edges if edge is not None]


def _to_start(step: Step, possible: list[Condition]) -> Condition | None:
    if not step.needs:
        return {}
    if step.join == "every":
        return _all(possible) if len(possible) == len(step.needs) else None
    return _any(possible)


def _of_edge(graph: Graph, need: Need, conditions: dict[str, Condition | None]) -> Condition | None:
    """What must hold for an edge to be taken, None if it never is."""
    before = conditions[need.step]
    if before is None:
        return None
    labels = outcomes(graph.steps[need.step]) if need.outcome == "always" else (need.outcome,)
    return _all([before, {need.step: frozenset(labels)}])


def _all(conditions: Iterable[Condition]) -> Condition | None:
    together: Condition = {}
    for condition in conditions:
        for key, labels in condition.items():
            together[key] = together.get(key, labels) & labels
    return together if all(together.values()) else None


def _any(conditions: list[Condition]) -> Condition | None:
    if not conditions:
        return None
    common = set.intersection(*(set(condition) for condition in conditions))
    return {key: frozenset().union(*(each[key] for each in conditions)) for key in common}


def _clash(step: Step, edges: list[Condition]) -> Problem:
    """The first step that would have to end in two ways at once is the reason."""
    for key in dict.fromkeys(key for edge in edges for key in edge):
        wanted = [edge[key] for edge in edges if key in edge]
        if not frozenset.intersection(*wanted):
            labels = one_of(sorted({label for some in wanted for label in some}), "and")
            message = (
                f'"{step.key}" waits for every edge, but "{key}" would have to end with {labels}'
                " at once. Use the join settled or first."
            )
            return error("join_never_fires", message, step=step.key, field="join")
    raise AssertionError("conditions clash without a step in common")


def _unreachable(step: Step, conditions: dict[str, Condition | None]) -> Problem:
    dead = one_of([f'"{need.step}"' for need in step.needs if conditions[need.step] is None], "and")
    message = f'"{step.key}" can never start, because {dead} never runs.'
    return error("unreachable_step", message, step=step.key, field="needs")
