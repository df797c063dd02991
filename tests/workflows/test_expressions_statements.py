"""Text templates: if, for, set, whitespace and comments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import expressions
from workflows.expressions import ExpressionError

SCOPE: dict[str, object] = {"xs": [1, 2, 3], "pairs": {"a": 1, "b": 2}, "empty": [], "name": "Ada"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if xs %}yes{% endif %}", "yes"),
        ("{% if empty %}a{% elif name == 'Ada' %}b{% else %}c{% endif %}", "b"),
        ("{% if empty %}a{% elif empty %}b{% else %}c{% endif %}", "c"),
        ("{% if empty %}a{% endif %}", ""),
        ("{% for x in xs %}{{ x }},{% endfor %}", "1,2,3,"),
        ("{% for x in empty %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }} {% endfor %}", "1:2 2:3 "),
        ("{% for x in xs if x > 9 %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for k, v in pairs.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;"),
        ("{% for k in pairs %}{{ k }}{% endfor %}", "ab"),
        ("{% for c in name %}{{ c }}.{% endfor %}", "A.d.a."),
        ("{% for x in xs %}{{ x }}{{ ', ' if not loop.last }}{% endfor %}", None),
        ("{% for x in xs %}{{ x }}{{ '' if loop.last else ', ' }}{% endfor %}", "1, 2, 3"),
        (
            "{% for x in xs %}{{ loop.first }}{{ loop.length }}{{ loop.index0 }};{% endfor %}",
            "true30;false31;false32;",
        ),
        ("{% for x in xs %}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}", "32 21 10 "),
        ("{% set x = 5 %}{{ x + 1 }}", "6"),
        ("{% set a, b = [1, 2] %}{{ b }}{{ a }}", "21"),
        ("{% if xs %}{% set x = 1 %}{% endif %}{{ x }}", "1"),
        ("{% set n = 0 %}{% for x in xs %}{% set n = n + x %}{{ n }}{% endfor %}{{ n }}", "1230"),
        ("{% for x in xs %}{% for x in [9] %}{{ x }}{% endfor %}{{ x }}{% endfor %}", "919293"),
        ("{% for x in xs %}{% endfor %}{{ x }}", None),
        ("{% for x in xs %}{{ loop.index }}{% endfor %}{{ loop }}", None),
        ("{% for x in [[1]] %}{% for y in x %}{{ loop.length }}{% endfor %}{% endfor %}", "1"),
        ("a {#- a comment -#} b", "ab"),
        ("a {%- if true -%} b {%- endif %} c", "ab c"),
        ("line\n{{ name }}\n", "line\nAda\n"),
        ("{% set steps = 'shadow' %}{{ steps }}", "shadow"),
    ],
)
def test_statements(source: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ExpressionError):
            expressions.parse(source).evaluate(SCOPE)
    else:
        assert expressions.parse(source).evaluate(SCOPE) == expected


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{% for x in 5 %}{% endfor %}", "What for loops over must be a list, not a number"),
        ("{% for a, b in [1] %}{% endfor %}", "Only a list of 2 can be given to a, b"),
        ("{% set a, b = [1] %}", "Only a list of 2 can be given to a, b"),
    ],
)
def test_what_cannot_be_looped_over_or_unpacked_is_a_sentence(source: str, sentence: str) -> None:
    with pytest.raises(ExpressionError, match=sentence):
        expressions.parse(source).evaluate(SCOPE)


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("{{ 1", "The syntax is wrong in line 1"),
        ("a\n{% if %}", "The syntax is wrong in line 2"),
        ("{% for x in xs %}", "The syntax is wrong"),
        ("{{ 2 ** 3 }}", r"The operator \*\* is not allowed"),
        ("{% macro m() %}{% endmacro %}", "A macro is not allowed"),
        ("{% for x in xs recursive %}{% endfor %}", "A recursive loop is not allowed"),
        ("{% set a.b = 1 %}", "Setting a member of a value is not allowed"),
        ("{{ x.__class__ }}", "The attribute '__class__' begins with an underscore"),
        ("{{ x._id }}", r"write \['_id'\] for a key"),
        ("{{ 1|uper }}", "There is no filter 'uper'; did you mean 'upper'"),
        ("{{ 1 is evn }}", "There is no test 'evn'; did you mean 'even'"),
        ("{{ 'a'.uper() }}", "There is no method 'uper'; did you mean 'upper'"),
        ("{{ now() }}", r"now\(\) is not allowed; the only function is range\(\)"),
        ("{{ x['a']() }}", r"Only range\(\) and methods can be called"),
        ("{{ 'a'|replace('b') }}", "The arguments of the filter 'replace' do not fit: missing"),
        ("{{ 'a'|upper(1) }}", "The arguments of the filter 'upper' do not fit: too many"),
        ("{{ 'a'.upper(1) }}", r"The arguments of upper\(\) do not fit"),
        ("{{ 3 is divisibleby }}", "The arguments of the test 'divisibleby' do not fit"),
        ("{{ 1|round(precision=1, precision=2) }}", "An argument is given twice"),
        ("{{ range(*[1]) }}", "Unpacking arguments"),
        ("{{ " + "9" * 2000 + " }}", "A whole number may not be larger than 4096 bits"),
        ("{{ 1e999 }}", "A number became infinite"),
    ],
)
def test_a_wrong_template_is_refused_when_it_is_parsed(source: str, fragment: str) -> None:
    with pytest.raises(ExpressionError, match=fragment) as caught:
        expressions.parse(source)
    assert caught.value.source == source


def test_templates_are_cached_by_their_source() -> None:
    assert expressions.parse("{{ a.b }}") is expressions.parse("{{ a.b }}")


TOKENS = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "*", "/", "//", "%", "~", "|", ".", ",", ":"),
    *("(", ")", "[", "]", "{", "}", "==", "<", "=", "if", "else", "elif", "endif", "for", "in"),
    *("endfor", "set", "is", "not", "and", "or", "defined", "default", "first", "map", "upper"),
    *(
        "raw",
        "endraw",
        "items",
        "get",
        "range",
        "loop",
        "xs",
        "pairs",
        "name",
        "a",
        "b",
        "1",
        "2.5",
    ),
    *("'t'", "'attribute'", "none", "true", "null", "\n", " ", "\\", '"', "**", "recursive"),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join))
def test_nothing_but_an_expression_error_ever_leaves(source: str) -> None:
    for text in (source, "{{ " + source + " }}", "{% " + source + " %}"):
        try:
            expressions.parse(text).evaluate(SCOPE)
        except ExpressionError as error:
            assert error.message  # noqa: PT017 - most of these templates fail, some do not
