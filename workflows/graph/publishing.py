"""The full list of what is wrong with a definition, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Collection

from workflows import schemas
from workflows.definition import Definition
from workflows.graph import depth, edges, firing, responses, scope, settings, warnings
from workflows.graph.levels import levels
from workflows.graph.structure import build
from workflows.limits import DefinitionLimits
from workflows.problems import Problem


def problems(
    definition: Definition,
    *,
    limits: DefinitionLimits | None = None,
    secrets: Collection[str] | None = None,
    variables: Collection[str] | None = None,
) -> list[Problem]:
    """Everything DESIGN 3 "Publish" names that is found in the definition itself; only errors
    refuse.

    Without `secrets` or `variables` (their names in the tenant), those names are not checked.
    """
    bounds = limits or DefinitionLimits()
    every = levels(definition)
    edge_problems = list(edges.problems(every))
    found = [
        *schemas.problems(definition.input),
        *settings.problems(every, bounds),
        *edge_problems,
        *scope.problems(every, secrets, variables),
    ]
    if edges.is_sound(edge_problems):
        graphs = [(level, build(level.definition)) for level in every]
        found += depth.problems(graphs, bounds)
        for _, graph in graphs:
            found += firing.problems(graph)
        found += warnings.problems(graphs)
        found += responses.problems(graphs)
    return found
