"""Every filter: what it gives, and the sentence where it cannot work."""

from __future__ import annotations

import pytest

from workflows import expressions
from workflows.expressions import ExpressionError
from workflows.expressions.filters import FILTERS

SCOPE: dict[str, object] = {
    "rows": [
        {"id": 2, "name": "bob", "address": {"city": "Rome"}},
        {"id": 1, "name": "Al", "address": {"city": "Oslo"}},
        {"id": 3, "name": "cy"},
    ],
    "o": {"b": 1, "A": 2},
}

CASES: list[tuple[str, object]] = [
    ("nope|default('x')", "x"),
    ("nope.deeper[0]|d(1)", 1),
    ("none|default('x')", None),
    ("''|default('x', true)", "x"),
    ("nope|default(nope2)|default('z')", "z"),
    ("[]|first|default(0)", 0),
    ("([]|first).name|default('none')", "none"),
    ("(1 if false)|default(2)", 2),
    ("'a'|upper", "A"),
    ("true|upper", "TRUE"),
    ("'A'|lower", "a"),
    ("' a '|trim", "a"),
    ("'xax'|trim('x')", "a"),
    ("'aB c'|capitalize", "Ab c"),
    ('"it\'s a (big) dog-house"|title', "It's A (Big) Dog-House"),
    ("'abc'|length", 3),
    ("o|count", 2),
    ("[1, 2]|first", 1),
    ("'abc'|last", "c"),
    ("o|first", "b"),
    ("'42'|int", 42),
    ("'4.9'|int", 4),
    ("'x'|int", 0),
    ("'x'|int(-1)", -1),
    ("'ff'|int(base=16)", 255),
    ("none|int", 0),
    ("'1.5'|float", 1.5),
    ("'nan'|float(2.0)", 2.0),
    ("42.55|round(1, 'floor')", 42.5),
    ("42.51|round(1, 'ceil')", 42.6),
    ("42.55|round", 43.0),
    ("-3|abs", 3),
    ("1|string", "1"),
    ("[1]|string", "[1]"),
    ("['b', 'a', 'B']|unique", ["b", "a"]),
    ("['b', 'B']|unique(case_sensitive=true)", ["b", "B"]),
    ("[1, 2]|reverse", [2, 1]),
    ("'ab'|reverse", "ba"),
    ("[2, 1]|min", 1),
    ("rows|max(attribute='id')", {"id": 3, "name": "cy"}),
    ("[1, 2.5]|sum", 3.5),
    ("rows|sum(attribute='id', start=10)", 16),
    ("[2, 1]|sort", [1, 2]),
    ("['b', 'A']|sort", ["A", "b"]),
    ("['b', 'A', 'c']|sort(reverse=true)", ["c", "b", "A"]),
    ("rows|sort(attribute='name')|map(attribute='id')", [1, 2, 3]),
    ("o|dictsort", [["A", 2], ["b", 1]]),
    ("o|dictsort(by='value')", [["b", 1], ["A", 2]]),
    ("o|items", [["b", 1], ["A", 2]]),
    ("'one two three'|truncate(9, leeway=0)", "one..."),
    ("'one two three'|truncate(9, true, '', 0)", "one two t"),
    ("'short'|truncate(3)", "short"),
    ("rows|map(attribute='address.city', default='?')|list", ["Rome", "Oslo", "?"]),
    ("['a', 'b']|map('upper')|list", ["A", "B"]),
    ("[['a', 1]]|map(attribute=0)|list", ["a"]),
    ("['1', 'x']|map('int', default=9)|list", [1, 9]),
    ("['ab']|map('replace', 'a', 'c')", ["cb"]),
    ("[['a', 'b']]|map('join', '-')", ["a-b"]),
    ("[0, 1, 2]|select", [1, 2]),
    ("[1, 2, 3]|select('odd')", [1, 3]),
    ("[1, 2, 3]|reject('>', 1)", [1]),
    ("rows|selectattr('id', 'in', [1, 3])|map(attribute='name')", ["Al", "cy"]),
    ("rows|selectattr('address', 'defined')|length", 2),
    ("rows|selectattr('address', 'undefined')|map(attribute='id')", [3]),
    ("rows|rejectattr('id', 'equalto', 2)|length", 2),
    ("rows|selectattr('id')|length", 3),
    ("'abc'|list", ["a", "b", "c"]),
    ("'a b/c?é'|urlencode", "a%20b/c%3F%C3%A9"),
    ("{'q': 'a b', 'n': 1}|urlencode", "q=a%20b&n=1"),
    ("[['a', '/']]|urlencode", "a=%2F"),
    ("'aaa'|replace('a', 'b', 1)", "baa"),
    ("[1, 'a', none]|join(', ')", "1, a, null"),
    ("rows|join('+', attribute='name')", "bob+Al+cy"),
    ("{'a': [1, 'é', none]}|tojson", '{"a":[1,"é",null]}'),
    ("[1]|tojson(2)", "[\n  1\n]"),
    ("'{\"a\": [1.5]}'|fromjson", {"a": [1.5]}),
    ("'hé'|b64encode", "aMOp"),
    ("'aMOp'|b64decode", "hé"),
    ("'YQ'|b64decode", "a"),
    ("[1, 2, 3]|batch(2)", [[1, 2], [3]]),
    ("[1, 2, 3]|batch(2, 0)", [[1, 2], [3, 0]]),
    ("'2025-01-31T12:00:00+02:00'|to_datetime", "2025-01-31T10:00:00+00:00"),
    ("1738324800|to_datetime", "2025-01-31T12:00:00+00:00"),
    ("'2025-01-31T12:00:00Z'|timestamp", 1738324800),
    ("'2025-01-31'|timestamp", 1738281600),
    ("('2025-01-31T12:00:00Z'|timestamp + 86400)|date", "2025-02-01"),
    ("'2025-01-31T23:30:00+02:00'|date('%d.%m.%Y %H:%M')", "31.01.2025 23:30"),
]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_filters(expression: str, expected: object) -> None:
    result = expressions.parse("{{ " + expression + " }}").evaluate(SCOPE)
    assert result == expected
    assert type(result) is type(expected)


def test_every_filter_is_in_the_table() -> None:
    assert [name for name in FILTERS if not any(f"|{name}" in case for case, _ in CASES)] == []


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("[1, 'a']|sort", "sort cannot compare texts with numbers"),
        ("[{}]|sort", "sort compares numbers or texts, not an object"),
        ("[1, none]|max", "max compares numbers or texts, not null"),
        ("rows|map(attribute='nmae')|list", "map: item.nmae is undefined; did you mean 'name'?"),
        (
            "rows|sum(attribute='address.city')",
            "Every item that sum adds up must be a number, not a text",
        ),
        (
            "rows|map(attribute='address.city')",
            "map: item.address is undefined; available: id, name",
        ),
        ("['a']|sum", "Every item that sum adds up must be a number, not a text"),
        ("[[1]]|sum(start=[])", "The start of sum must be a number, not a list"),
        ("5|length", "Only a text, a list or an object has a length, not a number"),
        ("[]|first", "The first item is undefined: a list is empty"),
        ("[]|max", "The max of an empty list is undefined"),
        ("[[]]|map('first')", "The first item is undefined: a list is empty"),
        ("[1]|map('uper')", "There is no filter 'uper'; did you mean 'upper'?"),
        ("[1]|map", "map needs a filter's name or an attribute"),
        ("[1]|select('evn')", "There is no test 'evn'; did you mean 'even'?"),
        ("'{'|fromjson", "fromjson: the text is not valid JSON at character 1"),
        ("'[NaN]'|fromjson", "fromjson: the text is not valid JSON"),
        ("'é'|b64decode", "b64decode: the value is not Base64 of a UTF-8 text"),
        ("1|round(99)", "The precision of round must be between -30 and 30"),
        ("1|round(method='up')", "The method of round must be 'common', 'ceil' or 'floor'"),
        ("o|dictsort(by='x')", "dictsort sorts by 'key' or by 'value'"),
        ("[1]|urlencode", "urlencode needs pairs of a name and a value, not a number"),
    ],
)
def test_what_a_filter_cannot_do_is_a_sentence(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.parse("{{ " + expression + " }}").evaluate(SCOPE)
    assert caught.value.message == sentence


@pytest.mark.parametrize("expression", ["'soon'|date", "none|timestamp", "true|to_datetime"])
def test_what_is_not_a_time_is_a_sentence(expression: str) -> None:
    with pytest.raises(ExpressionError, match="A time must be ISO 8601 text such as"):
        expressions.parse("{{ " + expression + " }}").evaluate(SCOPE)


@pytest.mark.parametrize("pattern", ["%999d", "%s", "%-d", "%", "%Ey", "%Y" * 60])
def test_only_plain_date_codes_are_allowed(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="The format of date may use"):
        expressions.parse("{{ 0|date('" + pattern + "') }}").evaluate({})
