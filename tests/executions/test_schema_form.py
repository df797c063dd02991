"""Forms made of JSON Schemas: what they ask for, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from executions.schema_form import MAX_FIELDS, SchemaForm
from tests.executions.asking import NUMBERS, TAGS, asked
from workflows import schemas
from workflows.definition import JSON


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


# --- Objects in objects ------------------------------------------------------------------------

ADDRESS = asked(
    {
        "city": {"type": "string"},
        "geo": asked({"lat": {"type": "number"}, "exact": {"type": "boolean"}}, "lat"),
    },
    "city",
)


def test_objects_in_objects_have_fields_of_their_own() -> None:
    form = SchemaForm(
        asked({"to": ADDRESS}, "to"), {"data-to/city": "Pune", "data-to/geo/lat": "18.5"}
    )
    assert form.is_valid(), form.errors
    assert form.value() == {"to": {"city": "Pune", "geo": {"lat": 18.5}}}
    [group] = form.layout()
    assert [one["group"].label for one in (group, group["nodes"][1])] == ["to", "geo"]


def test_an_optional_object_may_be_left_empty_and_a_required_one_is_sent() -> None:
    inner = asked({"x": {"type": "string"}, "y": {"type": "boolean"}})
    optional, needed = SchemaForm(asked({"o": inner}), {}), SchemaForm(asked({"o": inner}, "o"), {})
    assert optional.is_valid()
    assert needed.is_valid()
    assert (optional.value(), needed.value()) == ({}, {"o": {"y": False}})


def test_what_an_optional_object_requires_keeps_nobody_from_leaving_it_out() -> None:
    form = SchemaForm(asked({"to": ADDRESS}), {})
    assert form.is_valid(), form.errors
    assert form.value() == {}
    assert "required" not in str(form["data-to/city"])


def test_references_are_followed_and_a_circle_of_them_comes_to_an_end() -> None:
    tree: dict[str, JSON] = {
        "$ref": "#/$defs/node",
        "$defs": {"node": asked({"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}})},
    }
    form = SchemaForm(tree, {"data-next/next/next/name": "deep"})
    assert form.is_valid()
    assert form.value() == {"next": {"next": {"next": {"name": "deep"}}}}
    deepest = form["data-next/next/next/next"]
    assert deepest.label == "next (JSON)"
    assert deepest.help_text == "Typed as JSON: it stands too deep inside others."


def test_a_reference_to_itself_asks_for_json() -> None:
    form = SchemaForm(asked({"a": {"$ref": "#/properties/a"}}), {"data-a": "[1]"})
    assert form.is_valid()
    assert form.value() == {"a": [1]}


@pytest.mark.parametrize("null", [[{"type": "integer"}, {"type": "null"}], None])
def test_what_may_be_null_is_so_if_it_is_required_and_left_empty(null: Any) -> None:
    several: JSON = {"type": ["integer", "null"], "title": "N"}
    rules: JSON = {"anyOf": null, "title": "N"} if null else several
    needed, optional = SchemaForm(asked({"a": rules}, "a"), {}), SchemaForm(asked({"a": rules}), {})
    assert needed.is_valid()
    assert optional.is_valid()
    assert (needed.value(), optional.value()) == ({"a": None}, {})
    assert needed["data-a"].label == "N"


@pytest.mark.parametrize("name", ["a/b", "a~b", "a.b", "a-b", "ä <b>"])
def test_any_name_has_a_field_of_its_own(name: str) -> None:
    inner: JSON = {**asked({name: {"type": "string"}})}
    form = SchemaForm(asked({name: inner}), None)
    [field] = form.fields
    filled = SchemaForm(asked({name: inner}), {field: "x"})
    assert filled.is_valid()
    assert filled.value() == {name: {name: "x"}}


HOSTILE: list[JSON] = [
    {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}},
    {**asked({"a": {"$ref": "#/$defs/a"}}), "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {
        **asked({"a": {"$ref": "#/$defs/a"}}),
        "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}},
    },
    asked({f"n{number}": {"$ref": "#"} for number in range(100)}),
    asked({f"n{number}": {"type": "string"} for number in range(5000)}),
]


@pytest.mark.parametrize("schema", HOSTILE)
def test_no_schema_makes_a_form_that_never_ends(schema: JSON) -> None:
    assert schemas.flaws(schema) == []
    form = SchemaForm(schema, {})
    assert form.is_valid()
    assert len(form.fields) <= MAX_FIELDS


def test_what_a_schema_says_is_no_markup() -> None:
    evil = "<script>alert(1)</script>"
    rules: dict[str, JSON] = {"title": evil, "description": evil, "default": evil, "pattern": evil}
    schema = asked(
        {
            "a": {"type": "string", **rules},
            "b": {"type": "array", "items": {"type": "string"}, "title": evil, "default": [evil]},
            "c": {**asked({evil: {"enum": [evil]}}), "title": evil, "description": evil},
        }
    )
    text = render_to_string(
        "executions/_fields.html", {"layout": SchemaForm(schema, None).layout()}
    )
    assert "&lt;script&gt;" in text
    assert "<script>" not in text


# --- What the schema says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"to": {"city": ""}}, "data-to/city", "shorter"),
        ({"to": {}}, "data-to/city", "This field is required."),
        ({"tags": ["ok", "no"]}, "data-tags", "[1]: "),
        ({"n": 7}, "data-n", "multiple"),
        ({"any": {"x": 1}}, "data-any", "x: "),
        ({"odd": 1}, "__all__", "odd"),
        ({"to": {"city": "x", "odd": 1}}, "__all__", "to: "),
    ],
)
def test_a_mismatch_stands_at_the_field_that_it_is_about(
    value: JSON, field: str, message: str
) -> None:
    closed: dict[str, JSON] = {"additionalProperties": False}
    to: dict[str, JSON] = {**asked({"city": {"type": "string", "minLength": 1}}, "city"), **closed}
    schema: dict[str, JSON] = {
        **asked(
            {
                "to": to,
                "tags": {"type": "array", "items": {"type": "string", "pattern": "k"}},
                "n": {"type": "integer", "multipleOf": 5},
                "any": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ),
        **closed,
    }
    form = SchemaForm(schema, {})
    assert form.is_valid()
    form.add_mismatches(schemas.errors(schemas.compile(schema), value))
    assert list(form.errors) == [field]
    assert message in form.errors[field][0]


# A schema of one property, and what its form makes of a value that matches it.
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
_LEAVES = st.sampled_from(
    [
        ({"type": "string"}, "x"),
        ({"type": "integer"}, 7),
        ({"type": "number"}, 1.5),
        ({"enum": ["a", 1, False]}, 1),
        (TAGS, ["p", "q"]),
        (NUMBERS, [1, 2]),
        ({"type": "object"}, {"k": []}),
    ]
)


@given(
    st.recursive(
        _LEAVES,
        lambda inner: st.dictionaries(_NAMES, inner, min_size=1, max_size=3).map(
            lambda members: (
                asked({name: rules for name, (rules, _) in members.items()}),
                {name: value for name, (_, value) in members.items()},
            )
        ),
        max_leaves=8,
    )
)
def test_what_a_form_shows_of_a_value_it_reads_as_that_value(pair: tuple[JSON, JSON]) -> None:
    rules, value = pair
    schema = {**asked({"top": rules}), "default": {"top": value}}
    shown = SchemaForm(schema, None)
    data: dict[str, Any] = {}
    for name, field in shown.fields.items():
        data[name] = shown[name].value()
        assert field.initial is not None
    form = SchemaForm(schema, data)
    assert form.is_valid(), form.errors
    assert form.value() == {"top": value}
