"""An execution's graph as it is drawn: boxes and edges with how they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Literal
from uuid import UUID

from cachetools import LRUCache, cached
from django.template.defaultfilters import truncatechars

from executions.engine import PENDING, StepState, taken
from executions.services.plans import plan_of
from workflows.definition import Need
from workflows.layout import Drawing, EdgePath, NodeBox, layout

ENTRIES = 256
LABEL_LENGTH = 19  # characters that fit beside the mark of the status
_STATES: Mapping[bool | None, Literal["taken", "dead", "open"]] = {
    True: "taken",
    False: "dead",
    None: "open",
}


@dataclass(frozen=True)
class Node:
    """A step's box."""

    box: NodeBox
    label: str
    status: str


@dataclass(frozen=True)
class Edge:
    """A line between two boxes: where the run went, where it did not, where it may yet go."""

    path: EdgePath
    state: Literal["taken", "dead", "open"]
    label: str


@dataclass(frozen=True)
class Picture:
    """Everything an SVG needs; lengths are its user units."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def picture(version_id: UUID, states: Mapping[str, StepState]) -> Picture:
    """A version's graph with the states of one of its executions; without states, all is open."""
    drawing = _drawing(version_id)
    return Picture(
        drawing.width,
        drawing.height,
        tuple(_node(box, states) for box in drawing.nodes),
        tuple(_edge(path, states) for path in drawing.edges),
    )


@cached(LRUCache(ENTRIES), lock=Lock())
def _drawing(version_id: UUID) -> Drawing:
    return layout(plan_of(version_id).graph)


def _node(box: NodeBox, states: Mapping[str, StepState]) -> Node:
    status = states.get(box.key, PENDING).status
    return Node(box, truncatechars(box.label, LABEL_LENGTH), status.value)


def _edge(path: EdgePath, states: Mapping[str, StepState]) -> Edge:
    state = taken(Need(path.source, path.outcome), states)
    return Edge(path, _STATES[state], "" if path.outcome == "success" else path.outcome)
