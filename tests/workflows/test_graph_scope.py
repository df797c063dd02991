from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.definitions import definition, step
from workflows import graph
from workflows.problems import Problem


def problems(expression: str, *, kind: str = "transform", **more: Any) -> list[Problem]:
    """Of a step in the middle of a graph, whose config holds the expression."""
    config = {"url": expression} if kind == "http" else {"value": expression}
    checked = definition(
        step("fetch", kind="http"),
        step("side", kind="transform"),
        step("here", "fetch", kind=kind, config=config),
        step("after", "here"),
        **more,
    )
    found = graph.problems(checked, secrets=["shop_token"], variables=["base_url"])
    return [problem for problem in found if problem.severity == "error"]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ trigger }}",
        "{{ trigger.body.anything[0].goes }}",
        "{{ trigger.headers['x-id'] }} {{ trigger.query.a }} {{ trigger.kind }}",
        "{{ trigger.received_at }}",
        "{{ steps.fetch.output.body.items[0] }}",
        "{{ steps.fetch.outcome }} {{ steps.fetch.error.message }}",
        "{{ steps['fetch'].output }}",
        "{{ vars.base_url }}",
        "{{ execution.id }} {{ execution.workflow }} {{ execution.version }}",
        "{{ execution.started_at }} {{ tenant.slug }} {{ tenant.name }}",
        "{% for row in steps.fetch.output.body %}{{ row.id }}{% endfor %}",
    ],
)
def test_an_expression_may_name(expression: str) -> None:
    assert problems(expression) == []


@pytest.mark.parametrize(
    ("expression", "code", "words"),
    [
        ("{{ trigger.body", "bad_expression", "syntax"),
        ("{{ triger.body }}", "unknown_name", 'Did you mean "trigger"?'),
        ("{{ item.id }}", "unknown_name", 'no "item" here'),
        ("{{ trigger.bdy }}", "unknown_name", 'Did you mean "body"?'),
        ("{{ execution.number }}", "unknown_name", "started_at"),
        ("{{ tenant.id }}", "unknown_name", "slug"),
        ("{{ steps.fech.output }}", "unknown_step", 'Did you mean "fetch"?'),
        ("{{ steps.fetch.outputs }}", "unknown_name", 'Did you mean "output"?'),
        ("{{ steps.fetch.output.boddy }}", "unknown_name", 'Did you mean "body"?'),
        ("{{ steps.side.output }}", "not_upstream", "no chain of needs"),
        ("{{ steps.after.output }}", "not_upstream", 'runs after "here"'),
        ("{{ steps.here.output }}", "not_upstream", "its own result"),
        ("{{ vars.base_ulr }}", "unknown_variable", 'Did you mean "base_url"?'),
        ("{{ secrets.shop_token }}", "secret_not_allowed", "type http"),
    ],
)
def test_an_expression_may_not_name(expression: str, code: str, words: str) -> None:
    (problem,) = problems(expression)
    assert (problem.code, problem.step, problem.field) == (code, "here", "with.value")
    assert words in problem.message


@pytest.mark.parametrize(
    ("expression", "codes"),
    [
        ("https://x.example/{{ secrets.shop_token }}", []),
        ("https://x.example/{{ secrets.shop_tokn }}", ["unknown_secret"]),
        ("https://x.example/{{ secrets }}", ["unknown_secret"]),
    ],
)
def test_a_request_may_hold_known_secrets(expression: str, codes: list[str]) -> None:
    assert [problem.code for problem in problems(expression, kind="http")] == codes


def test_the_output_may_read_every_step_but_no_secret() -> None:
    good = "{{ steps.after.outcome }} {{ steps.side.output }}"
    assert problems("{{ 1 }}", output={"all": good}) == []
    (problem,) = problems("{{ 1 }}", output={"token": "{{ secrets.shop_token }}"})
    assert (problem.code, problem.step, problem.field) == (
        "secret_not_allowed",
        None,
        "output.token",
    )


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("{{ steps.a.outcome == 'success' }}", None),
        ("true", "bad_expression"),
        ("{{ 1 +", "bad_expression"),
        ("{{ secrets.x }}", "secret_not_allowed"),
        ("{{ steps.b.output }}", "not_upstream"),
    ],
)
def test_a_guard_is_an_expression_without_secrets(when: str, code: str | None) -> None:
    checked = definition(step("a"), step("b", "a", kind="http", when=when))
    found = [p for p in graph.problems(checked) if p.severity == "error"]
    assert [(p.code, p.field) for p in found] == ([(code, "when")] if code else [])


def test_names_of_secrets_and_variables_are_checked_only_if_they_are_known() -> None:
    config = {"url": "{{ vars.any }}/{{ secrets.any }}"}
    checked = definition(step("a", kind="http", config=config))
    assert graph.problems(checked) == []
    codes = [problem.code for problem in graph.problems(checked, secrets=[], variables=[])]
    assert codes == ["unknown_secret", "unknown_variable"]
