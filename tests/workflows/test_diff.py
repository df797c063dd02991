"""The semantic difference of two definitions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.definitions import document, step
from workflows.diff import Change, Edge, StepChange, diff

OLD = document(step("a", config={"message": "hi"}), step("b", "a"), limits={"timeout": 10})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def test_equal_definitions_have_no_difference() -> None:
    assert not diff(OLD, OLD)


def test_steps_are_added_and_removed_by_key() -> None:
    found = diff(OLD, document(step("a", config={"message": "hi"}), step("c", "a")))

    assert (found.added, found.removed) == (("c",), ("b",))
    assert found.edges_added == (Edge("c", "a"),)
    assert found.edges_removed == (Edge("b", "a"),)
    assert found.settings == (Change("removed", "limits", {"timeout": 10}, None),)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"value": 1}, {"value": 2}, Change("changed", "with.value", 1, 2)),
        ({"value": 1}, {"value": True}, Change("changed", "with.value", 1, True)),
        ({"value": [1]}, {"value": [1, 2]}, Change("changed", "with.value", [1], [1, 2])),
        ({"value": {"x": 1}}, {"value": {"x": 2}}, Change("changed", "with.value.x", 1, 2)),
        ({"value": {}}, {"value": {"x": None}}, Change("added", "with.value.x", None, None)),
        ({"value": {"x": 1}}, {"value": 1}, Change("changed", "with.value", {"x": 1}, 1)),
        ({"value": 1}, {}, Change("removed", "with.value", 1, None)),
    ],
)
def test_a_change_in_a_step_names_its_place(
    old: dict[str, Any], new: dict[str, Any], expected: Change
) -> None:
    found = diff(document(step("a", config=old)), document(step("a", config=new)))

    assert found.changed == (StepChange("a", (expected,)),)
    assert (found.added, found.removed, found.settings) == ((), (), ())


def test_a_need_written_in_two_ways_is_the_same_edge() -> None:
    assert not diff(
        document(step("a"), step("b", "a")), document(step("a"), step("b", "a.success"))
    )


def test_another_order_of_the_same_steps_is_said() -> None:
    found = diff(document(step("a"), step("b")), document(step("b"), step("a")))

    assert found.reordered
    assert not found.changed


def test_a_step_put_between_others_is_no_new_order() -> None:
    assert not diff(
        document(step("a"), step("b")), document(step("a"), step("x"), step("b"))
    ).reordered


@pytest.mark.parametrize(
    "broken",
    [
        {"steps": [{"key": "a"}, {"key": "a"}, {"key": 1}, "text", None]},
        {"steps": {"a": 1}},
        {"steps": [{"key": "a", "needs": "b"}, {"key": "b", "needs": [1, None, {}]}]},
        {},
        [],
        None,
        "text",
    ],
)
def test_a_broken_draft_is_compared_as_far_as_it_goes(broken: Any) -> None:
    assert diff(OLD, broken)
    assert not diff(broken, broken)


@given(JSON, JSON)
def test_anything_is_compared_with_anything(one: Any, other: Any) -> None:
    old: Any = {"steps": [{"key": "a", "with": one}]}
    new: Any = {"steps": [{"key": "a", "with": other}]}
    forth, back = diff(old, new), diff(new, old)

    assert bool(forth) == bool(back)
    assert forth.as_dict().keys() == back.as_dict().keys()


def looping(*body: Any, items: Any = None) -> dict[str, Any]:
    return step("each", kind="for_each", config={"items": items or [1], "steps": list(body)})


def test_the_steps_of_bodies_are_compared_like_the_others() -> None:
    old = document(looping(step("a"), step("b", "a")))
    new = document(looping(step("a", config={"message": "hi"}), step("c", "a"), items=[2]))
    found = diff(old, new)

    assert (found.added, found.removed) == (("c",), ("b",))
    assert found.changed == (
        StepChange("each", (Change("changed", "with.items", [1], [2]),)),
        StepChange("a", (Change("changed", "with.message", "hello", "hi"),)),
    )
    assert found.edges_added == (Edge("c", "a"),)


def test_a_step_that_moves_into_a_body_is_told() -> None:
    found = diff(document(step("a"), looping(step("b"))), document(looping(step("b"), step("a"))))

    assert found.changed == (StepChange("a", (Change("added", "body", None, "each"),)),)


@pytest.mark.parametrize("broken", [{"steps": 5}, {"steps": [5, {"key": 1}]}, 5, None])
def test_a_broken_body_is_compared_as_far_as_it_goes(broken: Any) -> None:
    old, new = looping(step("a")), step("each", kind="for_each", config=broken)

    assert "a" in diff(document(old), {"steps": [{**new, "with": broken}]}).removed
    assert not diff({"steps": [{**new, "with": broken}]}, {"steps": [{**new, "with": broken}]})
