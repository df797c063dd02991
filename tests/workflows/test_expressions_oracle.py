"""Harmless expressions give what Jinja2 itself gives."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workflows import expressions
from workflows.expressions import ExpressionError

SCOPE: dict[str, object] = {
    "n": 3,
    "f": 2.5,
    "s": "Hello World",
    "xs": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "d": {"one": 1, "two": 2},
    "rows": [{"id": 2, "k": "x"}, {"id": 1, "k": "y"}],
    "none": None,
}


def _as_json(value: object) -> object:
    """Text is where we differ on purpose: what is not text reads as JSON."""
    if isinstance(value, list | bool | None):
        return json.dumps(value, separators=(",", ":"))
    return value


ORACLE = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, finalize=_as_json
)

numbers = st.one_of(
    st.integers(-50, 50).map(lambda n: f"({n})"),
    st.sampled_from(["n", "f", "1.5", "xs[0]", "d.one", "(xs|length)", "(rows|first).id"]),
)
texts = st.sampled_from(["s", "'a'", "''", "'x y'", "words[1]", "s[2:5]", "(s|upper)", "'Zz'"])
lists = st.sampled_from(["xs", "words", "[]", "[1, 2.5]", "(range(4)|list)", "xs[1:]", "(d|list)"])


def _numeric(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%") | st.just("//"), inner),
        st.builds("({} if {} > {} else {})".format, inner, inner, inner, inner),
        st.builds("({}|{})".format, inner, st.sampled_from(["abs", "int", "float", "round(1)"])),
        st.builds("(-{})".format, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("([{}, {}]|{})".format, inner, inner, st.sampled_from(["min", "max", "sum"])),
    )


def _textual(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    filters = ["upper", "lower", "title", "capitalize", "trim", "reverse", "replace('a', 'bc')"]
    more = ["truncate(5, true, '', 0)", "truncate(7)", "urlencode", "default('q')", "string"]
    return st.one_of(
        st.builds("({} ~ {})".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({}|{})".format, inner, st.sampled_from(filters + more)),
        st.builds("({} * {})".format, inner, st.integers(-1, 3)),
        st.builds("({}.replace('l', {}))".format, inner, inner),
        st.builds("({}.split('l')|join({}))".format, inner, inner),
        st.builds("({}[{}:{}])".format, inner, st.integers(-3, 3), st.integers(-3, 9)),
    )


def _listed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    filters = ["sort", "unique", "reverse", "map('string')", "select('string')"]
    return st.one_of(
        st.builds("({}|{}|list)".format, inner, st.sampled_from(filters)),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({}[{}:])".format, inner, st.integers(-2, 2)),
        st.builds("({}|reject('number')|list)".format, inner),
    )


number_expressions = st.recursive(numbers, _numeric, max_leaves=8)
text_expressions = st.recursive(texts, _textual, max_leaves=6)
list_expressions = st.recursive(lists, _listed, max_leaves=5)
truths = st.one_of(
    st.builds(
        "{} {} {}".format,
        number_expressions,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        number_expressions,
    ),
    st.builds("{} < {} <= {}".format, numbers, numbers, numbers),
    st.builds("{} in {}".format, number_expressions, list_expressions),
    st.builds("{} not in {}".format, texts, text_expressions),
    st.builds("{} == {}".format, list_expressions, list_expressions),
    st.builds("{} is {}".format, numbers, st.sampled_from(["number", "none", "string", "float"])),
    st.builds("not {} is {}".format, lists, st.sampled_from(["sequence", "mapping", "iterable"])),
    st.builds("rows|selectattr('id', '>', {})|map(attribute='k')|list".format, number_expressions),
    st.builds("{}|batch(2)|list".format, list_expressions),
    st.builds("d.{} is defined".format, st.sampled_from(["one", "three"])),
)


def _ours(source: str) -> str:
    try:
        return json.dumps(expressions.parse(source).evaluate(SCOPE))
    except ExpressionError:
        return "error"


def _jinjas(expression: str) -> str:
    try:
        compiled = ORACLE.compile_expression(expression, undefined_to_none=False)
        return json.dumps(compiled(**SCOPE), allow_nan=False)
    except (UndefinedError, TypeError, ValueError, ArithmeticError):
        return "error"


@settings(max_examples=400, deadline=None)
@given(st.one_of(number_expressions, text_expressions, list_expressions, truths))
def test_expressions_give_what_jinja_gives(expression: str) -> None:
    assert _ours("{{ " + expression + " }}") == _jinjas(expression)


LOOP = "{{% for x in {} {} %}}{{{{ loop.index }}}}:{{{{ x }}}} {}{{% else %}}-{{% endfor %}}"
loops = st.builds(
    (LOOP + "{{{{ n }}}}").format,
    list_expressions,
    st.sampled_from(["", "if x", "if x is string", "if x != 1"]),
    st.sampled_from(["", "{% if loop.last %}.{% endif %}", "{% set n = x %}{{ n }}", "{{ n }}"]),
)


@settings(max_examples=150, deadline=None)
@given(loops)
def test_loops_write_what_jinja_writes(source: str) -> None:
    try:
        expected = ORACLE.from_string(source).render(**SCOPE)
    except (UndefinedError, TypeError):
        expected = "error"
    try:
        written = expressions.parse(source).evaluate(SCOPE)
    except ExpressionError:
        written = "error"
    assert written == expected
