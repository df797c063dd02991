from __future__ import annotations

from typing import Any

import pytest

from tenants.hosts import Hosts
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
    found = graph.problems(checked, secrets={"shop_token": Hosts()}, variables=["base_url"])
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
    codes = [problem.code for problem in graph.problems(checked, secrets={}, variables=[])]
    assert codes == ["unknown_secret", "unknown_variable"]


def callback_problems(expression: str, **more: Any) -> list[Problem]:
    """Of a step that comes after one callback and before or beside others."""
    checked = definition(
        step("over", kind="wait_for_callback"),
        step("here", "over", kind="transform", config={"value": expression}),
        step("beside", kind="wait_for_callback"),
        step("later", "here", kind="wait_for_callback"),
        step(
            "each",
            kind="for_each",
            config={
                "items": [1],
                "steps": [
                    step("inner", kind="wait_for_callback"),
                    step("told", kind="log", config={"message": "{{ callbacks.inner }}"}),
                ],
            },
        ),
        **more,
    )
    return [problem for problem in graph.problems(checked) if problem.severity == "error"]


def test_a_one_time_address_is_handed_out_before_it_is_waited_for() -> None:
    assert callback_problems("{{ callbacks.later }} {{ callbacks.beside }}") == []
    assert callback_problems("{{ callbacks['later'] }}") == []


@pytest.mark.parametrize(
    ("expression", "code", "words"),
    [
        ("{{ callbacks.latr }}", "unknown_callback", 'Did you mean "later"?'),
        ("{{ callbacks.over }}", "unknown_callback", "has ended before this is read"),
        ("{{ callbacks.here }}", "unknown_callback", "is a transform step"),
        ("{{ callbacks.inner }}", "unknown_callback", "at another level"),
        ("{{ callbacks.later.url }}", "unknown_name", "is a text"),
        ("{{ callbacks }}", "unknown_name", "Valid: beside, later."),
        ("{{ callbacks[trigger.body.which] }}", "unknown_name", "Name the step"),
        ("{{ callback.later }}", "unknown_name", 'Did you mean "callbacks"?'),
    ],
)
def test_a_one_time_address_that_cannot_be_read(expression: str, code: str, words: str) -> None:
    (problem,) = callback_problems(expression)
    assert (problem.code, problem.step, problem.field) == (code, "here", "with.value")
    assert words in problem.message


def test_a_step_cannot_hand_out_its_own_address_nor_can_the_output() -> None:
    own = step("own", kind="wait_for_callback", when="{{ callbacks.own != '' }}")
    (problem,) = graph.problems(definition(own))
    assert (problem.code, problem.field) == ("unknown_callback", "when")
    (problem,) = callback_problems("{{ 1 }}", output="{{ callbacks.later }}")
    assert (problem.step, problem.field) == (None, "output")


@pytest.mark.parametrize(
    ("until", "codes"),
    [
        ("{{ response.status == 200 and response.body.done }}", []),
        ("{{ response.headers['x-state'] == trigger.body.state }}", []),
        ("{{ response.boddy }}", ["unknown_name"]),
        ("{{ steps.own.output }}", ["not_upstream"]),
        ("{{ secrets.shop_token == response.body }}", ["secret_not_allowed"]),
        ("{{ response.body", ["bad_expression"]),
        ("{{ __import__('os') }}", ["bad_expression"]),
    ],
)
def test_a_polls_expression_sees_the_response(until: str, codes: list[str]) -> None:
    config = {"request": {"url": "https://{{ secrets.shop_token }}.example/"}, "until": until}
    checked = definition(step("own", kind="poll", config=config))
    found = graph.problems(checked, secrets={"shop_token": Hosts()})
    assert [problem.code for problem in found] == codes
    assert all((p.step, p.field) == ("own", "with.until") for p in found)


def test_only_a_polls_expression_sees_the_response() -> None:
    config = {"request": {"url": "https://a.example/{{ response.status }}"}, "until": "{{ true }}"}
    (problem,) = graph.problems(definition(step("own", kind="poll", config=config)))
    assert (problem.code, problem.field) == ("unknown_name", "with.request.url")
