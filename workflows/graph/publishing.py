"""The full list of what is wrong with a definition, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice

from tenants.hosts import Hosts
from workflows import schemas
from workflows.definition import Definition
from workflows.graph import depth, destinations, edges, firing, responses, scope, settings, warnings
from workflows.graph.levels import Level, levels
from workflows.graph.structure import build
from workflows.limits import DefinitionLimits
from workflows.problems import MAX_PROBLEMS, Problem

HOPELESS = 4
"""How many times too many steps there must be for only their number to be told: some checks compare
every step with every other."""


def problems(
    definition: Definition,
    *,
    limits: DefinitionLimits | None = None,
    secrets: Mapping[str, Hosts] | None = None,
    variables: Collection[str] | None = None,
    egress: Hosts | None = None,
) -> list[Problem]:
    """Everything DESIGN 3 "Publish" names that is found in the definition itself; only errors
    refuse. Of more than MAX_PROBLEMS, those that are found first.

    Without `secrets` or `variables` (their names in the tenant), those names are not checked. Of
    each secret it must be known where it may go. `egress` is where the tenant's calls may go.
    """
    bounds = limits or DefinitionLimits()
    every = levels(definition)
    if settings.count(every) > HOPELESS * bounds.steps:
        return list(settings.size_problems(every, bounds))
    edge_problems = list(islice(edges.problems(every), MAX_PROBLEMS))
    found = chain(
        schemas.problems(definition.input),
        settings.problems(every, bounds),
        edge_problems,
        scope.problems(every, secrets, variables),
        destinations.problems(every, secrets or {}, egress or Hosts()),
        _path_problems(every, bounds) if edges.is_sound(edge_problems) else (),
    )
    return list(islice(found, MAX_PROBLEMS))


def _path_problems(every: Sequence[Level], bounds: DefinitionLimits) -> Iterator[Problem]:
    """What is wrong with sound edges."""
    graphs = [(level, build(level.definition)) for level in every]
    yield from depth.problems(graphs, bounds)
    for _, graph in graphs:
        yield from firing.problems(graph)
    yield from warnings.problems(graphs)
    yield from responses.problems(graphs)
