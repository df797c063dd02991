"""A graph as it is drawn."""

from __future__ import annotations

import pytest

from tests.workflows.definitions import document, step
from workflows.picture import LINE_LENGTH, Picture, plain


def drawn(*steps: dict[str, object]) -> Picture:
    picture = plain(document(*steps))
    assert picture is not None
    return picture


def test_every_step_and_every_need_is_drawn() -> None:
    picture = drawn(
        step("a", kind="condition"), step("b", "a.true"), step("c", "a.false"), step("d", "b", "c")
    )
    assert [node.box.key for node in picture.nodes] == ["a", "b", "c", "d"]
    assert [(edge.path.source, edge.path.target, edge.path.label) for edge in picture.edges] == [
        ("a", "b", "true"),
        ("a", "c", "false"),
        ("b", "d", ""),
        ("c", "d", ""),
    ]
    assert {edge.state for edge in picture.edges} == {"open"}


def test_a_chain_leaves_room_beside_it_and_a_fan_does_not() -> None:
    assert not drawn(step("a"), step("b", "a")).wide
    assert drawn(step("a"), *(step(f"b{n}", "a") for n in range(4))).wide


@pytest.mark.parametrize(
    "name",
    ["Fetch", "Fetch the order from the shop", "Donaudampfschifffahrtsgesellschaft", "x" * 200],
)
def test_a_name_fits_into_two_lines(name: str) -> None:
    (node,) = drawn(step("a", name=name)).nodes
    assert 1 <= len(node.lines) <= 2
    assert all(len(line) <= LINE_LENGTH for line in node.lines)
    assert node.box.label == name


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {},
        document(step("a", "b")),
        document(step("a", "b"), step("b", "a")),
    ],
)
def test_what_cannot_be_drawn_is_not(broken: object) -> None:
    assert plain(broken) is None  # type: ignore[arg-type] # a draft holds anything


def test_a_body_stays_folded_in_the_box_of_its_step() -> None:
    body = [step("a"), step("b", "a")]
    picture = drawn(
        step("each", kind="for_each", config={"items": [1], "steps": body}), step("after", "each")
    )
    assert [(node.box.key, node.box.folded) for node in picture.nodes] == [
        ("each", 2),
        ("after", 0),
    ]


def test_the_outcomes_of_waiting_label_their_edges() -> None:
    picture = drawn(
        step("ok", kind="approval"),
        step("a", "ok.approved"),
        step("b", "ok.rejected", "ok.expired"),
    )
    assert [edge.path.label for edge in picture.edges] == ["approved", "rejected", "expired"]
