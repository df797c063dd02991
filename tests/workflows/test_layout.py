from __future__ import annotations

import re
from itertools import combinations, pairwise

from hypothesis import given

from tests.workflows.definitions import acyclic, definition, step
from workflows.definition import Definition
from workflows.graph import build
from workflows.layout import Drawing, NodeBox, layout

NUMBER = re.compile(r"-?\d+\.\d")


def overlap(one: NodeBox, other: NodeBox) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def verticals(drawing: Drawing) -> list[tuple[float, float, float]]:
    """The straight parts of all edges: x, from y, to y."""
    found = []
    for edge in drawing.edges:
        x = y = 0.0
        for command, numbers in re.findall(r"([MCV])([^MCV]*)", edge.path_d):
            values = [float(number) for number in NUMBER.findall(numbers)]
            if command == "V":
                found.append((x, y, values[0]))
                y = values[0]
            else:
                x, y = values[-2:]
    return found


@given(acyclic())
def test_boxes_never_overlap_and_lie_inside_the_drawing(random: Definition) -> None:
    drawing = layout(build(random))
    assert {box.key for box in drawing.nodes} == {each.key for each in random.steps}
    for one, other in combinations(drawing.nodes, 2):
        assert not overlap(one, other)
    for box in drawing.nodes:
        assert 0 <= box.x <= box.x + box.width <= drawing.width
        assert 0 <= box.y <= box.y + box.height <= drawing.height


@given(acyclic())
def test_every_need_is_an_edge_that_runs_down_past_the_boxes(random: Definition) -> None:
    drawing = layout(build(random))
    boxes = {box.key: box for box in drawing.nodes}
    needs = [(need.step, each.key, need.outcome) for each in random.steps for need in each.needs]
    assert sorted((e.source, e.target, e.outcome) for e in drawing.edges) == sorted(needs)
    for edge in drawing.edges:
        assert boxes[edge.source].y + boxes[edge.source].height < boxes[edge.target].y
    for x, top, bottom in verticals(drawing):
        for box in drawing.nodes:
            beside = x <= box.x or x >= box.x + box.width
            assert beside or bottom <= box.y or top >= box.y + box.height


@given(acyclic())
def test_the_same_graph_gives_the_same_drawing(random: Definition) -> None:
    assert layout(build(random)) == layout(build(random))


def test_a_chain_is_one_straight_column_a_phone_can_show() -> None:
    drawing = layout(build(definition(step("a"), step("b", "a"), step("c", "b"))))
    assert len({box.x for box in drawing.nodes}) == 1
    assert [box.y for box in drawing.nodes] == sorted(box.y for box in drawing.nodes)
    assert drawing.width <= 320
    assert all("C" not in edge.path_d for edge in drawing.edges)


def test_branches_lie_side_by_side_and_their_join_below_the_middle() -> None:
    drawing = layout(
        build(
            definition(
                step("if", kind="condition"),
                step("yes", "if.true"),
                step("no", "if.false"),
                step("join", "yes", "no"),
            )
        )
    )
    top, yes, no, join = drawing.nodes
    assert yes.y == no.y
    assert top.x == join.x == (yes.x + no.x) / 2
    labels = {edge.outcome: (edge.label_x, edge.label_y) for edge in drawing.edges}
    assert labels["true"][0] < labels["false"][0]


def test_a_box_shows_the_name_or_else_the_key() -> None:
    drawing = layout(build(definition(step("a", name="Fetch"), step("b"))))
    assert [(box.label, box.type) for box in drawing.nodes] == [("Fetch", "log"), ("b", "log")]


def test_neighbours_of_a_row_keep_their_distance() -> None:
    wide = definition(step("a"), *(step(f"b{index}", "a") for index in range(10)))
    row = sorted(box.x for box in layout(build(wide)).nodes if box.key != "a")
    assert {round(right - left, 1) for left, right in pairwise(row)} == {192.0}
