from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.workflows.definitions import acyclic, definition, step
from workflows import graph
from workflows.definition import Definition, Need


def test_a_graph_knows_its_edges_and_order() -> None:
    built = graph.build(
        definition(
            step("done", "left", "found.true"),
            step("left", "found.false"),
            step("found", "fetch", kind="condition"),
            step("fetch"),
            step("lonely"),
        )
    )
    assert built.order == ("fetch", "lonely", "found", "left", "done")
    assert built.roots == ("fetch", "lonely")
    assert built.depth == 4
    assert built.incoming["done"] == (Need("left"), Need("found", "true"))
    assert built.outgoing["found"] == ("done", "left")
    assert built.upstream["done"] == {"left", "found", "fetch"}


def test_two_edges_between_two_steps_are_one_successor() -> None:
    built = graph.build(definition(step("a", kind="condition"), step("b", "a.true", "a.false")))
    assert built.outgoing["a"] == ("b",)


@pytest.mark.parametrize(
    ("need", "more", "handled"),
    [
        ("a", {}, False),
        ("a.failure", {}, True),
        ("a.always", {}, True),
        ("a", {"continue_on_failure": True}, True),
    ],
)
def test_a_failure_is_handled_by_an_edge_or_by_going_on(
    need: str, more: dict[str, Any], handled: bool
) -> None:
    built = graph.build(definition(step("a", **more), step("b", need)))
    assert built.handles_failure == ({"a"} if handled else set())


def test_a_circle_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="circle: a -> b -> a"):
        graph.build(definition(step("a", "b"), step("b", "a")))


def test_a_need_of_nothing_cannot_be_built() -> None:
    with pytest.raises(ValueError, match='"a" needs "b"'):
        graph.build(definition(step("a", "b")))


@given(acyclic())
def test_every_step_stands_after_all_it_needs(random: Definition) -> None:
    built = graph.build(random)
    place = {key: index for index, key in enumerate(built.order)}
    assert set(place) == {step.key for step in random.steps}
    for key, needs in built.incoming.items():
        for need in needs:
            assert place[need.step] < place[key]
            assert key in built.outgoing[need.step]
            assert {need.step} | built.upstream[need.step] <= built.upstream[key]


@given(acyclic())
def test_the_order_does_not_depend_on_chance(random: Definition) -> None:
    assert graph.build(random) == graph.build(random)
