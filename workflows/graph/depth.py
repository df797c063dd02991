"""How deep a definition is: its longest path, in which a body's path adds to that of its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workflows.graph.levels import Level
from workflows.graph.structure import Graph
from workflows.limits import DefinitionLimits
from workflows.problems import Problem, error


def problems(graphs: Sequence[tuple[Level, Graph]], limits: DefinitionLimits) -> Iterator[Problem]:
    inside: dict[str, int] = {}
    for level, graph in reversed(graphs):  # bodies before what holds them
        longest = _longest(graph, inside)
        if level.owner is not None:
            inside[level.owner.key] = longest
        elif longest > limits.depth:
            message = (
                f"The longest path has {longest} steps, at most {limits.depth} are allowed."
                " Steps that do not need each other can run side by side."
            )
            yield error("too_deep", message, field="steps")
    for level, _ in graphs:
        if level.owner is not None and level.nesting > limits.for_each_levels:
            message = f"For-each steps may be nested {limits.for_each_levels} levels deep at most."
            yield error("too_deep", message, step=level.owner.key, field="with.steps")


def _longest(graph: Graph, inside: dict[str, int]) -> int:
    """Steps of the longest path; the graph's own `depth` counts no bodies."""
    depths: dict[str, int] = {}
    for key in graph.order:
        before = max((depths[need.step] for need in graph.incoming[key]), default=0)
        depths[key] = before + 1 + inside.get(key, 0)
    return max(depths.values())
