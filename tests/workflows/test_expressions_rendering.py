"""Templates inside JSON values, and the budget they share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import expressions
from workflows.expressions import JSON, Budget, ExpressionError

SCOPE: dict[str, object] = {"body": {"id": 7, "xs": [1, 2]}, "secrets": {"t": "<placeholder>"}}

CONFIG: JSON = {
    "url": "https://shop.example/{{ body.id }}",
    "{{ key }}": "kept",
    "headers": {"Authorization": "Bearer {{ secrets.t }}"},
    "json": {"xs": "{{ body.xs }}", "n": 1, "flag": None, "list": ["{{ body.id }}", "plain", 2.5]},
}


def test_every_text_is_rendered_and_keys_are_not() -> None:
    assert expressions.render(CONFIG, SCOPE) == {
        "url": "https://shop.example/7",
        "{{ key }}": "kept",
        "headers": {"Authorization": "Bearer <placeholder>"},
        "json": {"xs": [1, 2], "n": 1, "flag": None, "list": [7, "plain", 2.5]},
    }


def test_templates_are_listed_in_order_with_their_paths() -> None:
    assert list(expressions.templates(CONFIG)) == [
        (("url",), "https://shop.example/{{ body.id }}"),
        (("headers", "Authorization"), "Bearer {{ secrets.t }}"),
        (("json", "xs"), "{{ body.xs }}"),
        (("json", "list", 0), "{{ body.id }}"),
    ]


def test_a_template_that_does_not_parse_is_listed_too() -> None:
    assert list(expressions.templates("{{ 1 +")) == [((), "{{ 1 +")]


@pytest.mark.parametrize("source", ["{{ body.di }}", "{{ body.", "{{ body.id }} {{ 1 / 0 }}"])
def test_an_error_says_where(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.render({"a": [0, {"b": source}]}, SCOPE)
    assert caught.value.path == ("a", 1, "b")
    assert caught.value.source == source
    assert str(caught.value) == caught.value.message


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_any_json_value_passes_through_an_expression_unchanged(value: JSON) -> None:
    assert expressions.render("{{ x }}", {"x": value}) == value
    assert expressions.render("{{ x|tojson|fromjson }}", {"x": value}) == value
    assert expressions.render({"k": ["{{ x }}"]}, {"x": value}) == {"k": [value]}


def test_all_templates_of_a_value_share_one_budget() -> None:
    source = "{% for i in range(90) %}{% endfor %}"
    expressions.render([source] * 2, {}, Budget(steps=200))
    with pytest.raises(ExpressionError, match="takes too many steps") as caught:
        expressions.render([source] * 3, {}, Budget(steps=200))
    assert caught.value.path == (2,)


@pytest.mark.parametrize("source", ["{{ x }}", "- {{ x }}"])
def test_the_output_of_all_templates_is_bounded(source: str) -> None:
    scope: dict[str, object] = {"x": "a" * 400_000}
    assert len(str(expressions.render([source] * 2, scope))) > 800_000
    with pytest.raises(ExpressionError, match="larger than"):
        expressions.render([source] * 3, scope)


def test_a_megabyte_of_input_passes() -> None:
    scope: dict[str, object] = {"body": {"rows": [{"n": number} for number in range(70_000)]}}
    assert expressions.render("{{ body }}", scope) == scope["body"]


@pytest.mark.parametrize(
    ("budget", "source"),
    [
        (Budget(steps=10), "{% for i in range(11) %}{% endfor %}"),
        (Budget(steps=10), "{{ range(11)|map('string') }}"),
        (Budget(steps=10), "{{ range(11)|sum }}"),
        (Budget(steps=10), "{{ range(11)|select('odd') }}"),
        (Budget(steps=10), "{{ x == x[:] }}"),
        (Budget(steps=10), "{{ 5000 in x }}"),
        (Budget(steps=10), "{{ x|sort }}"),
        (Budget(steps=10), "{{ big == big[:] }}"),
        (Budget(steps=10), "{{ 'b' in big }}"),
        (Budget(steps=10), "{{ 1 + 1 + 1 + 1 + 1 + 1 + 1 }}"),
        (Budget(size=100), "{{ 'a' * 101 }}"),
        (Budget(size=100), "{{ ('a' * 60) ~ 'b' }}"),
        (Budget(size=100), "{{ range(20) }}"),
        (Budget(size=100), "{{ x|list|reverse }}"),
        (Budget(size=100), "{{ big.replace('a', 'bb') }}"),
        (Budget(size=100), "{{ big.split('a') }}"),
        (Budget(size=100), "{{ big|upper }}"),
        (Budget(size=100), "{{ x|tojson }}"),
        (Budget(size=100), "{{ x[1:] }}"),
        (Budget(size=100), "{{ x + x }}"),
        (Budget(output=10), "{{ 'a' * 11 }}"),
        (Budget(output=10), "{{ 'a' }}{{ 'a' * 10 }}"),
    ],
)
def test_work_is_paid_for(budget: Budget, source: str) -> None:
    scope: dict[str, object] = {"x": list(range(1000)), "big": "a" * 10_000}
    with pytest.raises(ExpressionError, match=r"too many steps|too much data|larger than"):
        expressions.parse(source).evaluate(scope, budget)
    expressions.parse(source).evaluate(scope)


def test_a_template_may_be_evaluated_by_many_threads_at_once() -> None:
    template = expressions.parse("{% for i in range(n) %}{% set x = i * n %}{{ x }},{% endfor %}")
    expected = ["".join(f"{i * n}," for i in range(n)) for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: template.evaluate({"n": n}), range(60))) == expected
