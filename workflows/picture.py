"""A graph as it is drawn: boxes and edges, with how they stand where a run has been there."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from workflows.definition import JSON, Need, parse
from workflows.graph import build
from workflows.layout import Drawing, EdgePath, NodeBox, layout

LINE_LENGTH = 16  # characters that fit beside the mark of the status
WIDE = 480.0  # user units; a wider picture needs the width of the page

EdgeState = Literal["open", "taken", "dead"]


@dataclass(frozen=True)
class Node:
    """A step's box; `status` is empty where nothing has run. One or two lines name it."""

    box: NodeBox
    lines: tuple[str, ...]
    status: str


@dataclass(frozen=True)
class Edge:
    """A line between two boxes: where the run went, where it did not, where it may yet go."""

    path: EdgePath
    state: EdgeState


@dataclass(frozen=True)
class Picture:
    """Everything an SVG needs; lengths are its user units."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def wide(self) -> bool:
        """Whether it should not share the page's width with anything."""
        return self.width > WIDE


def plain(document: JSON) -> Picture | None:
    """The graph of a definition that has not run; None where it cannot be drawn."""
    definition, _ = parse(document)
    if definition is None:
        return None
    try:
        return picture(layout(build(definition)), {}, lambda need: "open")
    except ValueError:
        return None  # a draft may name steps that do not exist, or go in a circle


def picture(
    drawing: Drawing, statuses: Mapping[str, str], state_of: Callable[[Need], EdgeState]
) -> Picture:
    """A drawing with the statuses of its steps and the states of its edges."""
    return Picture(
        drawing.width,
        drawing.height,
        tuple(Node(box, _lines(box.label), statuses.get(box.key, "")) for box in drawing.nodes),
        tuple(_edge(path, state_of) for path in drawing.edges),
    )


def _edge(path: EdgePath, state_of: Callable[[Need], EdgeState]) -> Edge:
    return Edge(path, state_of(Need(path.source, path.outcome)))


def _lines(label: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(label, LINE_LENGTH, max_lines=2, placeholder="…"))
