"""The publish checks inside the bodies of for-each steps, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.hosts import Hosts
from tests.workflows.definitions import CONFIGS, definition, step
from tests.workflows.test_bodies import each
from workflows import graph
from workflows.problems import Problem


def found(*steps: Any, **more: Any) -> list[Problem]:
    return graph.problems(
        definition(*steps, **more), secrets={"shop_token": Hosts()}, variables=["base_url"]
    )


def places(*steps: Any, **more: Any) -> list[tuple[str, str | None, str | None]]:
    return [(problem.code, problem.step, problem.field) for problem in found(*steps, **more)]


def reading(key: str, expression: str, *needs: str) -> dict[str, Any]:
    return step(key, *needs, config={"message": "x", "data": expression})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([step("a", "b"), step("b", "a")], ("cycle", "a", "needs")),
        ([step("a", "x")], ("unknown_step", "a", "needs[0]")),
        ([step("a", "before")], ("unknown_step", "a", "needs[0]")),
        ([step("a"), step("b", "a.true")], ("unknown_outcome", "b", "needs[0]")),
        ([step("a", kind="htpp")], ("unknown_type", "a", "type")),
        (
            [
                step("a", kind="condition"),
                step("b", "a.true", "a.false", join="every"),
            ],
            ("join_never_fires", "b", "join"),
        ),
        ([step("a", join="first")], ("idle_join", "a", "join")),
        ([step("a", config={})], ("missing_key", "a", "with.message")),
        ([step("a", timeout=6)], ("over_limit", "a", "timeout")),
        ([step("a", retry={"attempts": 21})], ("over_limit", "a", "retry.attempts")),
        ([reading("a", "{{ 1 +")], ("bad_expression", "a", "with.data")),
        ([step("a", when="true")], ("bad_expression", "a", "when")),
        ([reading("a", "{{ secrets.shop_token }}")], ("secret_not_allowed", "a", "with.data")),
        ([reading("a", "{{ vars.base_ulr }}")], ("unknown_variable", "a", "with.data")),
        (
            [step("a", kind="http", config={"url": "https://{{ secrets.x }}/"})],
            ("unknown_secret", "a", "with.url"),
        ),
        (
            [step("a", kind="wait_for_callback", config={"schema": {"type": "objekt"}})],
            ("bad_schema", "a", "with.schema.type"),
        ),
        (
            [step("a", kind="http", config={"url": "https://a.example", "method": "POST"})],
            ("would_park", "a", "on_unknown"),
        ),
        ([step("a", kind="transform"), step("b", "a")], ("unread_output", "a", None)),
        ([step("a", kind="respond")], ("second_response", "a", None)),
    ],
)
@pytest.mark.parametrize("levels", [1, 2])
def test_every_check_looks_into_bodies(
    body: list[Any], place: tuple[str, str, str | None], levels: int
) -> None:
    inner = body
    for level in range(levels):
        inner = [each(f"level_{level}", *inner, result=1)]
    assert places(step("before"), *inner) == [place]


@pytest.mark.parametrize(
    ("expression", "code", "words"),
    [
        ("{{ item.id }} {{ index + 1 }}", None, ""),
        ("{{ steps.before.output }} {{ steps.a.output }}", None, ""),
        ("{{ trigger.body }} {{ vars.base_url }}", None, ""),
        ("{{ itm }}", "unknown_name", 'Did you mean "item"?'),
        ("{{ steps.e.output }}", "not_upstream", "ends after all of its items"),
        ("{{ steps.beside.output }}", "not_upstream", 'before "e", whose body this is'),
        ("{{ steps.z.output }}", "not_upstream", 'only the body of "other" can read it'),
        ("{{ steps.c.output }}", "not_upstream", 'runs after "b"'),
        ("{{ steps.b.output }}", "not_upstream", "its own result"),
        ("{{ steps.side.output }}", "not_upstream", "no chain of needs"),
        ("{{ steps.befor.output }}", "unknown_step", 'Did you mean "before"?'),
        ("{{ response }}", "unknown_name", 'no "response" here'),
    ],
)
def test_what_a_step_of_a_body_may_name(expression: str, code: str | None, words: str) -> None:
    problems = found(
        step("before"),
        step("beside"),
        each(
            "e",
            step("a"),
            step("side"),
            reading("b", expression, "a"),
            step("c", "b"),
            needs=("before",),
        ),
        each("other", step("z")),
    )
    assert [p.code for p in problems] == ([code] if code else [])
    assert all(words in p.message and (p.step, p.field) == ("b", "with.data") for p in problems)


@pytest.mark.parametrize("outer", ["{{ steps.a.output }}", "{{ item }}", "{{ index }}"])
def test_nothing_outside_sees_into_a_body(outer: str) -> None:
    (problem,) = found(each("e", step("a")), reading("after", outer, "e"))
    assert problem.step == "after"
    (problem,) = found(each("e", step("a")), output={"x": outer})
    assert (problem.step, problem.field) == (None, "output.x")


def test_a_step_outside_cannot_need_one_inside() -> None:
    (problem,) = found(each("e", step("a")), step("after", "a"))
    assert (problem.code, problem.step, problem.field) == ("unknown_step", "after", "needs[0]")
    assert 'inside the body of "e"' in problem.message
    assert 'Need "e".' in problem.message


@pytest.mark.parametrize(
    ("result", "field"),
    [
        ({"x": ["{{ steps.nope.output }}"]}, "with.result.x[0]"),
        ("{{ steps.after.output }}", "with.result"),
        ("{{ secrets.shop_token }}", "with.result"),
    ],
)
def test_a_result_is_checked_where_it_stands(result: Any, field: str) -> None:
    (problem,) = found(each("e", step("a"), result=result), step("after", "e"))
    assert (problem.step, problem.field) == ("e", field)


def test_a_result_sees_the_item_the_body_and_what_comes_before() -> None:
    seen = "{{ item }} {{ index }} {{ steps.a.output }} {{ steps.before.output }}"
    assert found(step("before"), each("e", step("a"), needs=("before",), result=seen)) == []


def test_inner_bodies_see_outer_ones() -> None:
    inner = each(
        "inner", reading("x", "{{ steps.a.output }} {{ steps.before.output }}"), needs=("a",)
    )
    assert found(step("before"), each("e", step("a"), inner, needs=("before",))) == []
    beside = each("inner", reading("x", "{{ steps.a.output }}"))
    (problem,) = found(each("e", step("a"), beside))
    assert (problem.code, problem.step) == ("not_upstream", "x")


def test_what_a_body_reads_is_read() -> None:
    fetch = step("fetch", kind="http")
    assert found(fetch, each("e", reading("a", "{{ steps.fetch.output }}"), needs=("fetch",))) == []


def chain(length: int, name: str = "s") -> list[dict[str, Any]]:
    return [
        step(f"{name}{index}", *([f"{name}{index - 1}"] if index else []))
        for index in range(length)
    ]


def test_bodies_count_as_steps_and_as_depth() -> None:
    assert places(*chain(9), each("e", *chain(10, "b"), needs=("s8",))) == []
    too_deep = places(*chain(10), each("e", *chain(10, "b"), needs=("s9",)))
    assert too_deep == [("too_deep", None, "steps")]
    many = [step(f"m{index}") for index in range(49)]
    assert places(each("e", *many)) == []
    assert places(each("e", *many, step("more"))) == [("too_many_steps", None, "steps")]


def test_for_each_steps_are_nested_two_deep_at_most() -> None:
    two = each("one", each("two", step("a")))
    assert places(two) == []
    assert places(each("zero", two)) == [("too_deep", "two", "with.steps")]


def test_a_definition_much_too_large_is_not_looked_at() -> None:
    many = [step(f"m{index}", "nobody") for index in range(201)]
    assert places(*many) == [("too_many_steps", None, "steps")]


def test_so_many_problems_are_enough() -> None:
    needs = [f"nobody{index}" for index in range(200)]
    assert len(places(step("a", *needs))) == 100


def test_a_body_is_counted_once_in_the_time() -> None:
    slow = step(
        "a",
        kind="http",
        config={"url": "https://a.example", "method": "PUT"},
        timeout=30,
        retry={"attempts": 10},
    )
    assert places(each("e", slow)) == [("may_outlast_limit", None, "limits.timeout")]


@pytest.mark.parametrize("kind", ["delay", "wait_for_callback", "approval", "sub_workflow"])
def test_waiting_is_not_counted_in_the_time(kind: str) -> None:
    longest = {"delay": {"seconds": 86400}}.get(kind, CONFIGS[kind])
    codes = [problem.code for problem in found(step("a", kind=kind, config=longest))]
    assert codes == []
    assert found(step("p", kind="poll", config={**CONFIGS["poll"], "limit": 86400})) == []
