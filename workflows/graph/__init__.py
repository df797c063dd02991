"""A definition as a graph: what follows what, and every reason why it may not be published."""

from __future__ import annotations

from workflows.graph.publishing import problems
from workflows.graph.structure import Graph, build
from workflows.limits import DefinitionLimits

__all__ = ["DefinitionLimits", "Graph", "build", "problems"]
