"""The one order and the one text of a definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.workflows.definitions import document, step
from tests.workflows.test_diff import JSON
from workflows import canonical


def test_keys_come_in_the_order_in_which_people_write_them() -> None:
    shuffled: Any = {
        "steps": [
            {
                "with": {"json": 1, "url": "u", "method": "POST"},
                "retry": {"delay": 1, "attempts": 2},
                "needs": [],
                "type": "http",
                "key": "a",
            }
        ],
        "limits": {"parallel": 1, "timeout": 2},
        "schema": 1,
    }

    arranged: Any = canonical.arranged(shuffled)

    assert arranged == shuffled
    assert list(arranged) == ["schema", "limits", "steps"]
    assert list(arranged["limits"]) == ["timeout", "parallel"]
    (one,) = arranged["steps"]
    assert list(one) == ["key", "type", "needs", "with", "retry"]
    assert list(one["with"]) == ["method", "url", "json"]
    assert list(one["retry"]) == ["attempts", "delay"]


def test_keys_that_nobody_knows_come_last_and_are_kept() -> None:
    arranged: Any = canonical.arranged({"zebra": 1, "apple": 2, "schema": 1})

    assert list(arranged.items()) == [("schema", 1), ("zebra", 1), ("apple", 2)]


@pytest.mark.parametrize("broken", [None, [], "x", {"steps": 1}, {"steps": [1, {"type": []}]}])
def test_a_broken_document_is_left_as_it_is(broken: Any) -> None:
    assert canonical.arranged(broken) == broken


@given(JSON)
def test_arranging_changes_nothing_but_the_order(value: Any) -> None:
    whole = {"steps": [{"type": "http", "with": value}], "limits": value}

    assert canonical.arranged(whole) == whole
    assert canonical.digest(canonical.arranged(whole)) == canonical.digest(whole)


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    first = document(step("a"))

    assert canonical.digest(first) == canonical.digest(dict(reversed(first.items())))
    assert canonical.digest(first) != canonical.digest(document(step("b")))
    assert canonical.digest({"x": 1}) != canonical.digest({"x": True})


def test_the_steps_of_bodies_are_put_in_order_too() -> None:
    inner: Any = {"with": {"url": "u", "method": "GET"}, "type": "http", "key": "b"}
    each: Any = {"with": {"steps": [inner, 5], "items": []}, "type": "for_each", "key": "a"}

    arranged: Any = canonical.arranged({"steps": [each]})

    assert arranged == {"steps": [each]}
    (one,) = arranged["steps"]
    assert list(one) == ["key", "type", "with"]
    assert list(one["with"]) == ["items", "steps"]
    assert list(one["with"]["steps"][0]) == ["key", "type", "with"]
    assert list(one["with"]["steps"][0]["with"]) == ["method", "url"]
    assert list(each) == ["with", "type", "key"]
