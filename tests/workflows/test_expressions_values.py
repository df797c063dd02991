"""What single expressions give: literals, operators, access, methods, tests and the type kept."""

from __future__ import annotations

import pytest

from workflows import expressions
from workflows.expressions import ExpressionError

SCOPE: dict[str, object] = {
    "n": 7,
    "body": {
        "items": [{"id": 1, "price": 2.5}, {"id": 2, "price": 4}],
        "name": "Ada",
        "tags": ["b", "a"],
        "none": None,
        "_id": "m1",
        "get": "the key",
        "a key": {"0": "zero"},
    },
}


def value(source: str) -> object:
    return expressions.parse(source).evaluate(SCOPE)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("'text'", "text"),
        ("'1'", "1"),
        ("true", True),
        ("none", None),
        ("null", None),
        ("[1, 'a', none]", [1, "a", None]),
        ("(1, 2)", [1, 2]),
        ("{'a': [1]}", {"a": [1]}),
        ("1 + 2 * 3 - 4", 3),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("+n", 7),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("'ab' * 2", "abab"),
        ("2 * [0]", [0, 0]),
        ("'n=' ~ n ~ true ~ none ~ [1, 'a']", 'n=7truenull[1,"a"]'),
        ("1 < 2 < 3", True),
        ("1 < 2 > 3", False),
        ("'a' <= 'b'", True),
        ("1 == 1.0", True),
        ("[1, {'a': 2}] == [1, {'a': 2}]", True),
        ("{'a': 1} != {'a': 1, 'b': 2}", True),
        ("'1' == 1", False),
        ("'d' in body.name", True),
        ("'name' in body", True),
        ("'x' not in body.tags", True),
        ("{'id': 1} in [{'id': 1}]", True),
        ("not n and missing", False),
        ("n or missing", 7),
        ("0 or 'other'", "other"),
        ("'yes' if n > 5 else 'no'", "yes"),
        ("range(3)", [0, 1, 2]),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(5, 0)", []),
        ("range(10)[2:8:3]", [2, 5]),
        ("'hello'[1:-1]", "ell"),
        ("'hello'[::-1]", "olleh"),
        ("body.name[0]", "A"),
        ("body.tags[-1]", "a"),
        ("body.tags.0", "b"),
        ("body['a key']['0']", "zero"),
        ("body['na' ~ 'me']", "Ada"),
        ("body['_id']", "m1"),
    ],
)
def test_an_expression_keeps_its_own_type(expression: str, expected: object) -> None:
    result = value("{{ " + expression + " }}")
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ n }}", 7),
        ("{{- n -}}", 7),
        ("{# why #}{{ n }}", 7),
        ("{{ n }}\n", 7),
        (" {{ n }}", " 7"),
        ("{{ n }}\n\n", "7\n\n"),
        ("{{ n }}{{ n }}", "77"),
        ("{% if true %}{{ n }}{% endif %}", "7"),
        ("n={{ n }}", "n=7"),
        ("{{ true }} {{ none }} {{ 1.0 }} {{ ['é', {}] }}", 'true null 1.0 ["é",{}]'),
        ("{% raw %}{{ n }}{% endraw %}", "{{ n }}"),
        ("plain\r\n", "plain\r\n"),
        ("", ""),
    ],
)
def test_only_a_single_expression_is_not_text(source: str, expected: object) -> None:
    assert value(source) == expected


def test_a_key_wins_over_a_method_of_the_same_name() -> None:
    assert value("{{ body.items }}") == [{"id": 1, "price": 2.5}, {"id": 2, "price": 4}]
    assert value("{{ body.get }}") == "the key"


def test_a_call_calls_the_method_whatever_the_keys() -> None:
    assert value("{{ body.get('name') }}") == "Ada"
    assert value("{{ {'items': 1}.items() }}") == [["items", 1]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{'a': 1}.keys()", ["a"]),
        ("{'a': 1}.values()", [1]),
        ("body.get('nope')", None),
        ("body.get('nope', 3)", 3),
        ("' aB '.strip().upper().lower()", "ab"),
        ("'xxaxx'.strip('x')", "a"),
        ("'xxaxx'.lstrip('x').rstrip('x')", "a"),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 1)", ["a", "b,c"]),
        ("'a,b,c'.rsplit(sep=',', maxsplit=1)", ["a,b", "c"]),
        ("' a  b '.split()", ["a", "b"]),
        ("'a\\r\\nb\\n'.splitlines()", ["a", "b"]),
        ("'abc'.startswith('ab')", True),
        ("'abc'.endswith('ab')", False),
        ("'12'.isdigit()", True),
        ("'abcb'.find('b')", 1),
        ("'abcb'.index('c')", 2),
        ("[1, 2].index(2)", 1),
        ("'abcb'.count('b')", 2),
        ("[1, 1, 2].count(1)", 2),
        ("'a-b'.replace('-', '+')", "a+b"),
        ("'aaa'.replace('a', 'b', 2)", "bba"),
        ("'abc'.removeprefix('a').removesuffix('c')", "b"),
        ("'one two'.title()", "One Two"),
        ("', '.join(['a', 1])", "a, 1"),
    ],
)
def test_methods(expression: str, expected: object) -> None:
    assert value("{{ " + expression + " }}") == expected


@pytest.mark.parametrize(
    "expression",
    [
        "n is defined",
        "nope is undefined",
        "body.nope is not defined",
        "body.nope.deeper is undefined",
        "body.none is none",
        "n is number",
        "n is integer",
        "1.5 is float",
        "true is boolean",
        "'a' is string",
        "body is mapping",
        "[] is sequence",
        "'a' is iterable",
        "n is not iterable",
        "4 is even",
        "n is odd",
        "9 is divisibleby(3)",
        "true is true",
        "1 is not true",
        "false is false",
        "1 is in([1, 2])",
        "1 is eq(1)",
        "1 is ne(2)",
        "1 is lt(2)",
        "2 is ge(2)",
        "'a' is lower",
        "'A' is upper",
    ],
)
def test_predicates(expression: str) -> None:
    assert value("{{ " + expression + " }}") is True


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("1 + 'a'", "'+' does not work on a number and a text; to join values as text, use ~"),
        ("'a' - 1", "'-' does not work on a text and a number"),
        ("'%s' % 1", "'%' does not work on a text and a number"),
        ("-'a'", "'-' does not work on a text"),
        ("1 < 'a'", "'<' does not work on a number and a text"),
        ("[1] < [2]", "'<' does not work on a list and a list"),
        ("1 / 0", "A number is divided by zero"),
        ("1e308 * 10", "A number became infinite or is not a number (NaN)"),
        ("1 in 5", "'in' needs a text, a list or an object, not a number"),
        ("1 in 'a'", "Only a text can be 'in' a text, not a number"),
        ("{1: 2}", "A key of an object must be a text, not a number"),
        ("5[1:2]", "Only a text or a list can be sliced, not a number"),
        ("[1][::0]", "A slice's step must not be 0"),
        ("body[1.5]", "Inside body[...] must be a text or a whole number"),
        ("5.5.upper()", "The owner of upper() must be a text, not a number"),
        ("body.tags.get('a')", "The owner of get() must be an object, not a list"),
        ("'a'.index('b')", "index() did not find its argument"),
        ("'a'.split('')", "The separator of split() must not be empty"),
        ("range(1.5)", "A bound of range() must be a whole number, not a number"),
        ("1 if n > 100", "The inline if is false and has no else"),
    ],
)
def test_what_does_not_work_is_a_sentence(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value("{{ " + expression + " }}")
    assert caught.value.message == sentence
    assert caught.value.source == "{{ " + expression + " }}"


@pytest.mark.parametrize(
    "scope_value",
    [float("nan"), float("inf"), {1: 2}, {"a": (1,)}, {"a": {1, 2}}, b"bytes", object(), 1 << 5000],
)
def test_a_result_that_is_not_json_is_refused(scope_value: object) -> None:
    with pytest.raises(ExpressionError):
        expressions.parse("{{ x }}").evaluate({"x": scope_value})
    with pytest.raises(ExpressionError):
        expressions.parse("text {{ x }}").evaluate({"x": scope_value})


def test_the_scope_is_not_changed() -> None:
    scope: dict[str, object] = {"a": [3, 1, 2], "b": {"k": 1}}
    source = "{% set a = a|sort %}{% set b = b.items() %}{{ a }}{{ b }}{{ a + [4] }}"
    assert expressions.parse(source).evaluate(scope) == '[1,2,3][["k",1]][1,2,3,4]'
    assert scope == {"a": [3, 1, 2], "b": {"k": 1}}
