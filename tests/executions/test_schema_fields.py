"""The fields that a property of a JSON Schema has, and what they make of what was typed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from executions.schema_form import SchemaForm
from tests.executions.asking import NUMBERS, TAGS, asked
from workflows.definition import JSON


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
        ({"type": ["string", "null"]}, "x", "x"),
        ({"type": ["string", "integer"]}, '"x"', "x"),
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


# --- Texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "attributes"),
    [
        ({"format": "date"}, ['type="date"']),
        ({"format": "time"}, ['type="time"']),
        ({"format": "email"}, ['type="email"']),
        ({"format": "uri"}, ['type="url"']),
        ({"format": "date-time"}, ['type="datetime-local"']),
        ({"format": "odd"}, ['type="text"']),
        ({"minLength": 2, "maxLength": 5}, ['minlength="2"', 'maxlength="5"', "<input"]),
        ({"maxLength": 500}, ["<textarea", 'maxlength="500"']),
    ],
)
def test_a_text_is_asked_for_as_its_format_says(rules: Any, attributes: list[str]) -> None:
    form = SchemaForm(asked({"a": {"type": "string", **rules}}), None)
    for attribute in attributes:
        assert attribute in str(form["data-a"])


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_a_number_is_asked_for_within_its_bounds(kind: str) -> None:
    form = SchemaForm(asked({"a": {"type": kind, "minimum": 0, "maximum": 9}}), None)
    text = str(form["data-a"])
    assert 'min="0"' in text
    assert 'max="9"' in text


def test_a_pattern_is_told() -> None:
    form = SchemaForm(asked({"a": {"type": "string", "pattern": "^[A-Z]+$"}}), None)
    assert form["data-a"].help_text == "It must match ^[A-Z]+$"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("2026-01-31T09:30", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:05", "2026-01-31T09:30:05Z"),
        ("2026-01-31T09:30:00+02:00", "2026-01-31T09:30:00+02:00"),
    ],
)
def test_a_time_from_a_browser_is_one_in_utc(typed: str, value: str) -> None:
    form = SchemaForm(asked({"a": {"type": "string", "format": "date-time"}}), {"data-a": typed})
    assert form.is_valid()
    assert form.value() == {"a": value}


# --- Defaults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ({"type": "string", "default": "x"}, 'value="x"'),
        ({"type": "integer", "default": 0}, 'value="0"'),
        ({"type": "boolean", "default": True}, "checked"),
        ({"enum": ["a", "b"], "default": "b"}, '<option value="&quot;b&quot;" selected>'),
        ({"type": "array", "items": {"type": "string"}, "default": ["p", "q"]}, 'value="q"'),
        ({"type": "object", "default": {"k": 1}}, "&quot;k&quot;: 1"),
        (
            {"type": "string", "format": "date-time", "default": "2026-01-31T09:30:00Z"},
            'value="2026-01-31T09:30:00"',
        ),
    ],
)
def test_defaults_are_filled_in(rules: JSON, shown: str) -> None:
    assert shown in str(SchemaForm(asked({"a": rules}), None)["data-a"])


def test_an_objects_default_fills_in_what_is_inside() -> None:
    inner = asked({"city": {"type": "string"}})
    form = SchemaForm(asked({"to": {**inner, "default": {"city": "Pune"}}}), None)
    assert 'value="Pune"' in str(form["data-to/city"])


WORDS: JSON = {"type": "array", "items": {"enum": ["a", 1]}}


@pytest.mark.parametrize(
    ("schema", "rows", "value"),
    [
        (TAGS, ["x", "", "y"], ["x", "y"]),
        (NUMBERS, ["1", "2", ""], [1, 2]),
        (WORDS, ['"a"', "1", ""], ["a", 1]),
    ],
)
def test_a_list_of_plain_values_has_a_row_for_each(
    schema: JSON, rows: list[str], value: JSON
) -> None:
    form = SchemaForm(asked({"a": schema}), QueryDict(urlencode({"data-a": rows}, doseq=True)))
    assert form.is_valid(), form.errors
    assert form.value() == {"a": value}


def test_a_list_left_empty_is_left_out_and_one_that_is_required_is_empty() -> None:
    optional, needed = SchemaForm(asked({"a": TAGS}), {}), SchemaForm(asked({"a": TAGS}, "a"), {})
    assert optional.is_valid()
    assert needed.is_valid()
    assert (optional.value(), needed.value()) == ({}, {"a": []})


def test_what_cannot_be_read_in_a_list_is_named() -> None:
    form = SchemaForm(asked({"a": NUMBERS}), {"data-a": ["1", "x"]})
    assert form.errors["data-a"] == ["Number 2: Enter a whole number."]


def test_another_row_is_shown_with_what_was_filled_in_and_nothing_is_checked() -> None:
    data = {"data-a": ["x", ""], "data-n": "no number"}
    form = SchemaForm(asked({"a": TAGS, "n": {"type": "integer"}}, "n"), data, more="data-a")
    assert str(form["data-a"]).count("<input") == 3
    assert 'value="x"' in str(form["data-a"])
    assert 'value="no number"' in str(form["data-n"])
    assert form.errors == {}


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"type": "array", "items": {"type": "object"}}, "more than a text or a number"),
        ({"type": "object"}, "the names in it are not fixed"),
        ({"type": ["string", "integer"]}, "more than one type"),
        ({"type": "null"}, "no field for a null"),
    ],
)
def test_what_has_no_field_says_why(rules: JSON, why: str) -> None:
    assert why in SchemaForm(asked({"a": rules}), None)["data-a"].help_text
