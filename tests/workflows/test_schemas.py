from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from workflows import schemas

ORDER = {
    "$schema": schemas.DIALECT,
    "$id": "https://shop.example/order",
    "type": "object",
    "required": ["id", "items"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "default": {"type": "string", "pattern": "^[a-z]+$"},
        "$ref": {"const": {"$ref": "https://elsewhere.example/"}},
    },
    "$defs": {"item": {"type": "object", "required": ["sku"]}},
}
TREE = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}


def mismatches(schema: Any, value: Any) -> list[dict[str, str]]:
    return schemas.errors(schemas.compile(schema), value)


@pytest.mark.parametrize("schema", [None, {}, ORDER, TREE])
def test_a_good_schema_has_no_problems(schema: Any) -> None:
    assert schemas.problems(schema) == []


def multiplying(levels: int) -> dict[str, Any]:
    twice = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**twice, f"d{levels}": {"type": "object"}}}


def chain(length: int) -> dict[str, Any]:
    links = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {}}}


@pytest.mark.parametrize(
    ("schema", "field", "words"),
    [
        ({"type": "strng"}, "input.type", "strng"),
        ({"properties": {"a": {"minLength": -1}}}, "input.properties.a.minLength", "minimum"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "input.$schema", "2020-12"),
        ({"pattern": "(?=a)b"}, "input.pattern", "regex"),
        ({"pattern": "(a)\\1"}, "input.pattern", "regex"),
        ({"$ref": "#/$defs/none"}, "input", "does not exist"),
        ({"$ref": "https://x.example/"}, "input.$ref", "inside this schema"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "input.items.$ref", "inside this schema"),
        ({"items": {"$id": "https://x.example/"}}, "input.items.$id", "$id"),
        ({"$dynamicRef": "#a"}, "input.$dynamicRef", "not supported"),
        (multiplying(40), "input", "written out"),
        (chain(5000), "input", "written out"),
    ],
)
def test_a_bad_schema_is_refused_with_a_place(schema: Any, field: str, words: str) -> None:
    (problem,) = schemas.problems(schema)
    assert (problem.severity, problem.code, problem.field) == ("error", "bad_input_schema", field)
    assert words in problem.message


def test_a_multiplying_schema_cannot_hide_under_the_name_of_a_literal() -> None:
    hidden: dict[str, Any] = {"properties": {"default": {"allOf": [{"$ref": "#/$defs/d0"}]}}}
    (problem,) = schemas.problems({**multiplying(40), **hidden, "$ref": "#/properties/default"})
    assert "written out" in problem.message


def test_all_problems_of_a_schema_are_told_at_once() -> None:
    found = schemas.problems({"type": 5, "required": "x"})
    assert {problem.field for problem in found} == {"input.type", "input.required"}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.setblocking(False)
        yield server


def test_nothing_is_fetched(listener: socket.socket) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
    reaching: list[Any] = [{"$ref": address}, {"properties": {"const": {"$ref": address}}}]
    for schema in reaching:
        with pytest.raises(ValueError, match="outside this document"):
            schemas.compile(schema)
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (5, "", "object"),
        ({"id": 1}, "", '"items" is a required property.'),
        ({"id": 0, "items": []}, "id", "minimum of 1"),
        ({"id": 1, "items": [{"sku": 1}, {}]}, "items[1]", "sku"),
        ({"id": 1, "items": [], "default": "ABC"}, "default", "^[a-z]+$"),
    ],
)
def test_a_mismatch_has_a_place_and_a_sentence(value: Any, field: str, words: str) -> None:
    (mismatch,) = mismatches(ORDER, value)
    assert mismatch["field"] == field
    assert words in mismatch["message"]


def test_a_match_has_no_errors() -> None:
    assert mismatches(ORDER, {"id": 1, "items": [{"sku": "a"}]}) == []


def test_messages_repeat_no_values_and_stay_short() -> None:
    schema = {"properties": {"a": {"enum": ["x" * 5000]}, "b": {"type": "integer"}}}
    found = mismatches(schema, {"a": "secret" * 1000, "b": "secret" * 1000})
    assert len(found) == 2
    assert all(len(each["message"]) < 400 and "secret" not in each["message"] for each in found)


def test_at_most_twenty_errors_are_listed() -> None:
    assert len(mismatches({"items": {"type": "string"}}, [1] * 100)) == schemas.MAX_ERRORS


@pytest.mark.parametrize("check", ["value", "schema"])
def test_of_a_large_value_only_the_first_mismatch_is_made(check: str) -> None:
    """All of them would be made before the first is seen, and take a gigabyte."""
    wrong: Any = [1] * (schemas.MAX_LISTED + 1)
    if check == "value":
        found = mismatches({"items": {"type": "string"}}, wrong)
        assert found == [{"field": "[0]", "message": 'this value is not of type "string".'}]
    else:
        (problem,) = schemas.problems({"required": wrong})
        assert str(problem.field).startswith("input.required")


@pytest.mark.timeout(20)
def test_a_schema_that_branches_into_itself_answers_at_once() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}},
    }
    value: Any = 5
    for _ in range(60):
        value = {"a": value}
    assert schemas.problems(schema) == []
    assert mismatches(schema, value) == [
        {"field": "", "message": "This does not match the workflow's input schema."}
    ]


@pytest.mark.timeout(20)
def test_a_pattern_runs_in_linear_time() -> None:
    assert mismatches({"pattern": "^(a+)+$"}, "a" * 50_000 + "b")
