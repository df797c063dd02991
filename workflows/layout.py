"""Where the steps of a graph are drawn: layers from top to bottom, so that a phone scrolls down.

Layers by longest path, order within a layer by barycentres, places by least squares. An edge that
passes layers gets a bend in each of them, so that it runs between the boxes. What is written on an
edge stands in the gap below its upper box (`workflows/labels.py`). Same graph, same drawing.
Lengths are SVG user units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from workflows import labels
from workflows.definition import FOR_EACH, Step
from workflows.graph.structure import Graph

BOX_WIDTH = 168.0
BOX_HEIGHT = 52.0
BEND_WIDTH = 12.0
GAP_X = 24.0
GAP_Y = 56.0
MARGIN = 16.0
SWEEPS = 4
"""Rounds of ordering and placing; more of them no longer change usual graphs."""


@dataclass(frozen=True)
class NodeBox:
    """`x` and `y` are the upper left corner; `folded` counts the steps of a body inside it."""

    key: str
    x: float
    y: float
    width: float
    height: float
    label: str
    type: str
    folded: int = 0


@dataclass(frozen=True)
class EdgePath:
    """`path_d` is the `d` of an SVG path; the label (or "") has its middle at its place."""

    source: str
    target: str
    outcome: str
    path_d: str
    label: str
    label_x: float
    label_y: float
    label_width: float


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    nodes: tuple[NodeBox, ...]
    edges: tuple[EdgePath, ...]


@dataclass(eq=False)
class _Spot:
    """A box, or a bend of an edge, while it looks for its place; `x` is its middle, `y` its top."""

    layer: int
    width: float
    x: float = 0.0
    y: float = 0.0
    above: list[_Spot] = field(default_factory=list)
    below: list[_Spot] = field(default_factory=list)


@dataclass(eq=False)
class _Way:
    """An edge while it looks for its place: its spots, its ports, and its label's place."""

    need: tuple[str, str, str]
    route: Sequence[_Spot]
    leave: float = 0.0
    arrive: float = 0.0
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0

    def line(self) -> labels.Line:
        """Its part in the gap below its box."""
        start, after, *more = self.route
        end = after.x if more else after.x + self.arrive
        return labels.Line(start.x + self.leave, end, labels.width_of(self.label))


_Routes = Mapping[tuple[str, str], Sequence[_Spot]]


def layout(graph: Graph) -> Drawing:
    boxes = {key: _Spot(layer, BOX_WIDTH) for key, layer in _layers(graph).items()}
    routes = _routes(graph, boxes)
    rows = _rows([*boxes.values(), *(spot for route in routes.values() for spot in route[1:-1])])
    _order(rows)
    _place(rows)
    ways = _ways(graph, routes)
    _stack(rows, ways)
    return Drawing(
        width=_shift([spot for row in rows for spot in row], ways),
        height=rows[-1][0].y + BOX_HEIGHT + MARGIN,
        nodes=tuple(_node(graph, key, spot) for key, spot in boxes.items()),
        edges=tuple(_edge(way) for way in ways),
    )


def _layers(graph: Graph) -> dict[str, int]:
    layers: dict[str, int] = {}
    for key in graph.order:
        layers[key] = 1 + max((layers[need.step] for need in graph.incoming[key]), default=-1)
    return layers


def _routes(graph: Graph, boxes: Mapping[str, _Spot]) -> dict[tuple[str, str], list[_Spot]]:
    """For each pair of neighbours the spots that their edge runs through, both ends included."""
    routes: dict[tuple[str, str], list[_Spot]] = {}
    for source, targets in graph.outgoing.items():
        for target in targets:
            start, end = boxes[source], boxes[target]
            bends = [_Spot(layer, BEND_WIDTH) for layer in range(start.layer + 1, end.layer)]
            route = [start, *bends, end]
            for upper, lower in pairwise(route):
                upper.below.append(lower)
                lower.above.append(upper)
            routes[source, target] = route
    return routes


def _rows(spots: Iterable[_Spot]) -> list[list[_Spot]]:
    rows: dict[int, list[_Spot]] = {}
    for spot in spots:
        rows.setdefault(spot.layer, []).append(spot)
    return [rows[layer] for layer in sorted(rows)]


def _order(rows: list[list[_Spot]]) -> None:
    """Sort each row by the mean place of its neighbours, down and up in turn, to cross less."""
    place = {spot: float(index) for row in rows for index, spot in enumerate(row)}

    def barycentre(spot: _Spot, neighbours: Sequence[_Spot]) -> float:
        if not neighbours:
            return place[spot]
        return sum(place[other] for other in neighbours) / len(neighbours)

    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wish = {
                spot: barycentre(spot, spot.above if sweep % 2 == 0 else spot.below) for spot in row
            }
            row.sort(key=wish.__getitem__)
            place.update((spot, float(index)) for index, spot in enumerate(row))


def _place(rows: list[list[_Spot]]) -> None:
    for row in rows:
        _settle(row, [0.0] * len(row))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row, [_mean_x(spot, sweep % 2 == 0) for spot in row])


def _mean_x(spot: _Spot, downward: bool) -> float:
    neighbours = spot.above if downward else spot.below
    return sum(other.x for other in neighbours) / len(neighbours) if neighbours else spot.x


def _settle(row: Sequence[_Spot], wishes: Sequence[float]) -> None:
    """Put a row as near to its wishes as its order and gaps allow.

    With the gaps subtracted this is isotonic regression: neighbours whose wishes are out of order
    share the mean of them (pool adjacent violators).
    """
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP_X)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, size = wish - offset, 1
        while pools and pools[-1][0] >= mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    free = [mean for mean, size in pools for _ in range(size)]
    for spot, start, offset in zip(row, free, offsets, strict=True):
        spot.x = start + offset


def _stack(rows: Sequence[Sequence[_Spot]], ways: Sequence[_Way]) -> None:
    """Put the rows below each other, with room for the labels between them."""
    y = MARGIN
    for layer, row in enumerate(rows):
        for spot in row:
            spot.y = y
        written = [way for way in ways if way.label and way.route[0].layer == layer]
        gap = labels.arrange([way.line() for way in written], GAP_Y)
        for way, (across, down) in zip(written, gap.places, strict=True):
            way.label_x, way.label_y = across, y + BOX_HEIGHT + down
        y += BOX_HEIGHT + gap.height


def _shift(spots: Sequence[_Spot], ways: Sequence[_Way]) -> float:
    """Let the drawing begin at its margin; returns its width."""
    written = [way for way in ways if way.label]
    halves = [(spot.x, spot.width / 2) for spot in spots]
    halves += [(way.label_x, labels.width_of(way.label) / 2) for way in written]
    left = min(x - half for x, half in halves) - MARGIN
    right = max(x + half for x, half in halves) + MARGIN
    for spot in spots:
        spot.x -= left
    for way in written:
        way.label_x -= left
    return round(right - left, 1)


def _node(graph: Graph, key: str, spot: _Spot) -> NodeBox:
    step = graph.steps[key]
    x = round(spot.x - spot.width / 2, 1)
    label = step.name or step.key
    return NodeBox(key, x, spot.y, BOX_WIDTH, BOX_HEIGHT, label, step.type, _folded(step))


def _folded(step: Step) -> int:
    steps = step.config.get("steps")
    return len(steps) if step.type == FOR_EACH and isinstance(steps, list) else 0


# --- Edges --------------------------------------------------------------------------------------

_Edge = tuple[str, str, str]


def _ways(graph: Graph, routes: _Routes) -> list[_Way]:
    """One for each need, in the definition's order."""
    edges = [(need.step, key, need.outcome) for key in graph.steps for need in graph.incoming[key]]
    leaves = _ports(edges, 0, {edge: routes[edge[:2]][1].x for edge in edges})
    arrives = _ports(edges, 1, {edge: routes[edge[:2]][-2].x for edge in edges})
    return [
        _Way(edge, routes[edge[:2]], leaves[edge], arrives[edge], labels.cut(edge[2]))
        for edge in edges
    ]


def _ports(edges: Sequence[_Edge], end: int, toward: Mapping[_Edge, float]) -> dict[_Edge, float]:
    """How far from the middle of its box each edge starts or ends, in the order of the others."""
    ports: dict[_Edge, float] = {}
    groups: dict[str, list[_Edge]] = {}
    for edge in edges:
        groups.setdefault(edge[end], []).append(edge)
    for group in groups.values():
        group.sort(key=toward.__getitem__)
        step = BOX_WIDTH / (len(group) + 1)
        ports.update((edge, (at + 1) * step - BOX_WIDTH / 2) for at, edge in enumerate(group))
    return ports


def _edge(way: _Way) -> EdgePath:
    start, *bends, end = way.route
    points = [(start.x + way.leave, start.y + BOX_HEIGHT)]
    for bend in bends:
        points += [(bend.x, bend.y), (bend.x, bend.y + BOX_HEIGHT)]
    points.append((end.x + way.arrive, end.y))
    place = (round(way.label_x, 1), round(way.label_y, 1), labels.width_of(way.label))
    return EdgePath(*way.need, _path(points), way.label, *place)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Curves that cross the gaps between rows, straight lines past the boxes."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        middle = (y + next_y) / 2
        if x == next_x:
            parts.append(f"V{next_y:.1f}")
        else:
            parts.append(
                f"C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}"
            )
    return "".join(parts)
