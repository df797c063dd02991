"""Forms made of JSON Schemas: what they ask for, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from executions.schema_form import SchemaForm
from workflows.definition import JSON


def asked(properties: dict[str, JSON], *required: str) -> dict[str, JSON]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        ({"type": "string"}, "yes", "yes"),
        ({"type": "integer"}, "7", 7),
        ({"type": "number"}, "7.5", 7.5),
        ({"type": "boolean"}, "on", True),
        ({"type": "boolean"}, "", False),
        ({"enum": ["a", 1, None]}, "1", 1),
        ({"enum": ["a", 1, None]}, '"a"', "a"),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": ["string", "null"]}, '"x"', "x"),
        (True, "{}", {}),
    ],
)
def test_a_property_is_asked_for_by_its_type(schema: JSON, typed: str, value: JSON) -> None:
    form = SchemaForm(asked({"answer": schema}, "answer"), {"data-answer": typed} if typed else {})
    assert form.is_valid(), form.errors
    assert form.value() == {"answer": value}


@pytest.mark.parametrize(
    ("schema", "typed"),
    [
        ({"type": "integer"}, "7.5"),
        ({"type": "number"}, "many"),
        ({"enum": ["a"]}, '"b"'),
        ({"type": "array"}, "[1,"),
        ({"type": "string"}, ""),
    ],
)
def test_what_cannot_be_read_is_asked_for_again(schema: JSON, typed: str) -> None:
    form = SchemaForm(asked({"answer": schema}, "answer"), {"data-answer": typed})
    assert not form.is_valid()


def test_what_is_left_empty_is_left_out() -> None:
    schema = asked({"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": [1]}})
    form = SchemaForm(schema, {})
    assert form.is_valid()
    assert form.value() == {}


def test_titles_and_descriptions_are_shown_and_what_is_required_comes_first() -> None:
    named: JSON = {"type": "string", "title": "Why", "description": "In a word."}
    form = SchemaForm(asked({"a": {"type": "string"}, "why": named}, "why"), None)
    assert [(field.label, field.help_text) for field in form] == [("Why", "In a word."), ("a", "")]


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": "object"}, {"$ref": "#/$defs/x"}])
def test_any_other_schema_asks_for_json(schema: dict[str, Any]) -> None:
    form = SchemaForm(schema, {"data": '{"a": [1]}'})
    assert form.is_valid()
    assert form.value() == {"a": [1]}


def test_without_a_schema_nothing_is_asked() -> None:
    form = SchemaForm(None, {})
    assert form.is_valid()
    assert (form.value(), list(form.fields)) == (None, [])
