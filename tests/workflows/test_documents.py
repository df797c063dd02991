from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.documents import MAX_BYTES, MAX_DEPTH, Media, dumps_yaml, loads, unstorable

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
LOOKALIKES = """
    on off yes no true True null ~ 1 1.5 1e5 .5 5. 0o7 0x1f 0b1 1_000 1:30 .inf .nan = << - ?
    2020-01-01 {{x}} {a} [a] *a &a !a %a @a `a | > # #a a:b a: -a
"""


@given(VALUES)
def test_yaml_round_trips_every_document(value: Any) -> None:
    again, problems = loads(dumps_yaml(value), "yaml")
    assert problems == []
    assert repr(again) == repr(value)  # tells 1 from True and 1.0, and keeps the order of keys


@pytest.mark.parametrize(
    "text",
    [
        *LOOKALIKES.split(),
        "",
        " ",
        "a ",
        " a",
        "\n",
        "a\n",
        "\n\na\n\n",
        "\t",
        "\x85",
        "a\u2028b",
        "\ufeff",
    ],
)
def test_yaml_round_trips_text_that_looks_like_something_else(text: str) -> None:
    value = {"value": text, text: [text]}
    assert loads(dumps_yaml(value), "yaml") == (value, [])


@given(VALUES)
def test_json_loads_what_json_dumps(value: Any) -> None:
    assert loads(json.dumps(value), "json") == (value, [])


def test_yaml_is_written_in_block_style_with_its_keys_in_order() -> None:
    value = {"schema": 1, "steps": [{"key": "b", "needs": [], "with": {"text": "one\ntwo\n"}}]}
    assert dumps_yaml(value) == (
        "schema: 1\n"
        "steps:\n"
        "  - key: b\n"
        "    needs: []\n"
        "    with:\n"
        "      text: |\n"
        "        one\n"
        "        two\n"
    )


def test_a_repeated_value_is_written_twice_and_not_as_an_alias() -> None:
    shared = {"a": 1}
    assert loads(dumps_yaml([shared, shared]), "yaml") == ([shared, shared], [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: push", {"on": "push"}),
        ("a: yes", {"a": "yes"}),
        ("a: no", {"a": "no"}),
        ("a: True", {"a": "True"}),
        ("a: true", {"a": True}),
        ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 010", {"a": 10}),
        ("a: 0o10", {"a": 8}),
        ("a: 0x10", {"a": 16}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: .nan", {"a": ".nan"}),
        ("a: '1'", {"a": "1"}),
        ("a:", {"a": None}),
        ("404: x", {"404": "x"}),
        ("null: x", {"null": "x"}),
        ("<<: x", {"<<": "x"}),
        ("", None),
    ],
)
def test_yaml_is_read_the_1_2_way(text: str, value: Any) -> None:
    assert loads(text, "yaml") == (value, [])


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


@pytest.mark.parametrize(
    ("media", "text", "code", "words"),
    [
        ("yaml", BOMB, "alias", "line 1, column 4"),
        ("yaml", "a: *b", "alias", "line 1, column 4"),
        ("yaml", "a: !!python/object/apply:os.system [id]", "tag", "line 1, column 4"),
        ("yaml", "a: !local x", "tag", "tag"),
        ("yaml", "a: 1\nb: 2\na: 3", "duplicate_key", '"a" stands twice at line 3, column 1'),
        ("yaml", "a: [1,\nb: 2", "not_yaml", "line 3, column 1"),
        ("yaml", "a\n---\nb", "not_yaml", "second document"),
        ("yaml", "url: {{ x }}", "not_yaml", "quotes"),
        ("yaml", "a: \x01", "not_yaml", "character"),
        ("yaml", "[" * 100_000, "too_deep", "64"),
        ("yaml", "- " * 100_000, "too_deep", "64"),
        ("yaml", "a: 1e999", "not_json", "finite"),
        ("yaml", "a: " + "1" * 5000, "not_json", "digits"),
        ("json", '{"a": 1, "a": 2}', "duplicate_key", '"a" stands twice'),
        ("json", '{"a": 1,\n x}', "not_json", "line 2, column 2"),
        ("json", "[" * 100_000, "too_deep", "64"),
        ("json", "[" * 70 + "]" * 70, "too_deep", "64"),
        ("json", "NaN", "not_json", "NaN"),
        ("json", "1e999", "not_json", "finite"),
        ("json", "1" * 5000, "not_json", "digits"),
        ("json", r'"\ud800"', "not_json", "surrogate"),
        ("json", r'{"a": ["\u0000"]}', "not_json", "NUL"),
        ("json", '"' + "x" * MAX_BYTES + '"', "too_large", "256 kB"),
    ],
)
def test_a_bad_text_is_refused_with_a_reason(
    media: Media, text: str, code: str, words: str
) -> None:
    value, problems = loads(text, media)
    assert value is None
    assert [problem.code for problem in problems] == [code]
    assert words in problems[0].message


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@, \n\t0"))
def test_no_text_raises(text: str) -> None:
    for media in ("json", "yaml"):
        value, problems = loads(text, media)
        assert not (value is not None and problems)


def test_a_document_at_the_depth_limit_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert loads(text, "json")[1] == loads(text, "yaml")[1] == []


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, (1,), b"x", float("nan"), 10**400])
def test_what_is_not_json_is_not_storable(value: object) -> None:
    assert [problem.code for problem in unstorable(value)] == ["not_json"]
