"""Strict undefined: the sentence names the whole path and what would be valid."""

from __future__ import annotations

import pytest

from workflows import expressions
from workflows.expressions import ExpressionError

SCOPE: dict[str, object] = {
    "steps": {
        "fetch": {
            "output": {
                "body": {"email": "a@b.example", "items_total": 3, "none": None, "xs": [1]},
                "status": 200,
            }
        }
    },
    "many": {f"key{number:02}": 0 for number in range(20)},
    "empty": {},
    "which": "fetch",
}


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("stesp", "stesp is undefined; did you mean 'steps'?"),
        ("steps.fecth.output", "steps.fecth is undefined; did you mean 'fetch'?"),
        (
            "steps.fetch.output.body.emial",
            "steps.fetch.output.body.emial is undefined; did you mean 'email'?",
        ),
        (
            "steps['fetch'].output['body'].emial",
            "steps.fetch.output.body.emial is undefined; did you mean 'email'?",
        ),
        (
            "steps[which].output.zzz",
            "steps[...].output.zzz is undefined; available: body, status",
        ),
        (
            "many.zzz",
            "many.zzz is undefined; available: key00, key01, key02, key03, key04, key05, key06, "
            "key07, ...",
        ),
        ("empty.x", "empty.x is undefined; nothing is available there"),
        ("empty['a key']", "empty['a key'] is undefined; nothing is available there"),
        (
            "steps.fetch.output.status.code",
            "steps.fetch.output.status.code is undefined: steps.fetch.output.status is a number "
            "and has no 'code'",
        ),
        (
            "steps.fetch.output.body.none.x",
            "steps.fetch.output.body.none.x is undefined: steps.fetch.output.body.none is null "
            "and has no 'x'",
        ),
        (
            "steps.fetch.output.body.xs[3]",
            "steps.fetch.output.body.xs[3] is undefined: steps.fetch.output.body.xs has 1 item, "
            "counted from 0",
        ),
        (
            "steps.fetch.keys",
            "steps.fetch.keys is undefined; to call the method, write steps.fetch.keys()",
        ),
        (
            "(steps.fetch.output.body.xs|first).id",
            "(steps.fetch.output.body.xs|first).id is undefined: "
            "(steps.fetch.output.body.xs|first) is a number and has no 'id'",
        ),
    ],
)
def test_the_sentence_names_the_path_and_the_nearest_name(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.parse("{{ " + expression + " }}").evaluate(SCOPE)
    assert caught.value.message == sentence


def test_a_loop_variable_is_named_as_its_author_wrote_it() -> None:
    source = "{% for row in [{'name': 1}] %}{{ row.nmae }}{% endfor %}"
    with pytest.raises(ExpressionError, match=r"row\.nmae is undefined; did you mean 'name'\?"):
        expressions.parse(source).evaluate({})


@pytest.mark.parametrize(
    "expression",
    [
        "nope",
        "nope ~ 'x'",
        "nope == 1",
        "not nope",
        "nope and true",
        "nope or 1",
        "[nope]",
        "{'a': nope}",
        "1 in nope",
        "nope|upper",
        "nope|list",
        "'a'|replace(nope, 'b')",
        "nope is none",
        "nope if nope else 1",
        "[1, 2][nope]",
        "(nope + 1)|default(2)",
        "(nope|upper)|default(2)",
        "many[nope]|default(2)",
        "many[nope] is defined",
        "nope.get('a')",
        "1|default(nope, true) ~ (nope|default(nope))",
    ],
)
def test_using_what_is_undefined_is_always_an_error(expression: str) -> None:
    for source in ("{{ " + expression + " }}", "text {{ " + expression + " }}"):
        with pytest.raises(ExpressionError, match="nope is undefined"):
            expressions.parse(source).evaluate(SCOPE)


@pytest.mark.parametrize(
    "source", ["{% if nope %}{% endif %}", "{% for x in nope %}{% endfor %}", "{% set x = nope %}"]
)
def test_statements_are_strict_too(source: str) -> None:
    with pytest.raises(ExpressionError, match="nope is undefined"):
        expressions.parse(source).evaluate(SCOPE)


def test_what_is_not_evaluated_may_be_undefined() -> None:
    assert expressions.parse("{{ 1 if true else nope }}").evaluate({}) == 1
    assert expressions.parse("{{ false and nope }}").evaluate({}) is False


def test_a_hint_in_a_large_object_looks_at_a_part_only() -> None:
    scope: dict[str, object] = {"big": {"k" * 60 + str(n): n for n in range(100_000)}}
    with pytest.raises(ExpressionError) as caught:
        expressions.parse("{{ big." + "k" * 5000 + " }}").evaluate(scope)
    assert "is undefined" in caught.value.message
