"""The full list of what is wrong with a definition, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Collection

from workflows import schemas
from workflows.definition import Definition
from workflows.graph import edges, firing, scope, settings, warnings
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
    """Everything DESIGN 3 "Publish" names; only errors refuse.

    Without `secrets` or `variables` (their names in the tenant), those names are not checked.
    """
    bounds = limits or DefinitionLimits()
    edge_problems = list(edges.problems(definition))
    found = [
        *schemas.problems(definition.input),
        *settings.problems(definition, bounds),
        *edge_problems,
        *scope.problems(definition, secrets, variables),
    ]
    if edges.is_sound(edge_problems):
        graph = build(definition)
        found += settings.depth_problems(graph, bounds)
        found += firing.problems(graph)
        found += warnings.problems(definition, graph)
    return found
