from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given

from tests.workflows.definitions import CONFIGS, acyclic, definition, step
from workflows import graph
from workflows.definition import Definition
from workflows.graph import DefinitionLimits, edges
from workflows.problems import Problem


def errors(*steps: dict[str, Any], **more: Any) -> list[Problem]:
    found = graph.problems(definition(*steps, **more))
    return [problem for problem in found if problem.severity == "error"]


def codes(*steps: dict[str, Any], **more: Any) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.step) for problem in errors(*steps, **more)]


def test_a_sound_definition_has_no_problems() -> None:
    assert errors(step("a", kind="condition"), step("b", "a.true"), step("c", "a.false", "b")) == []


def test_every_circle_is_named_in_the_direction_it_would_run() -> None:
    found = errors(
        step("a", "c"), step("b", "a"), step("c", "b"), step("behind", "c"), step("own", "own")
    )
    assert [(problem.code, problem.step) for problem in found] == [("cycle", "a"), ("cycle", "own")]
    assert "a -> b -> c -> a" in found[0].message
    assert "own -> own" in found[1].message


@pytest.mark.parametrize(
    ("broken", "code", "words"),
    [
        (step("b", "aa"), "unknown_step", 'Did you mean "a"?'),
        (step("b", "a.true"), "unknown_outcome", "use a, a.failure or a.always"),
        (
            step("b", "which"),
            "unknown_outcome",
            "use which.true, which.false, which.failure or which.always",
        ),
        (step("b", "colour.green"), "unknown_outcome", "colour.red, colour.blue, colour.default"),
        (step("b", "stop"), "unknown_outcome", "use stop.failure or stop.always"),
        (step("b", "a", kind="htpp"), "unknown_type", 'Did you mean "http"?'),
    ],
)
def test_an_edge_names_what_exists(broken: dict[str, Any], code: str, words: str) -> None:
    (problem,) = errors(
        step("a"),
        step("which", kind="condition"),
        step("colour", kind="switch"),
        step("stop", kind="fail"),
        broken,
    )
    assert (problem.code, problem.step) == (code, "b")
    assert words in problem.message


FOUND = step("found", kind="condition")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("j", "found.true", "found.false", join="every")], [("join_never_fires", "j")]),
        ([step("j", "found.true", "found.failure", join="every")], [("join_never_fires", "j")]),
        ([step("j", "found.true", "found.always", join="every")], []),
        ([step("j", "found.true", "found.false")], []),
        ([step("j", "found.true", "found.false", join="first")], []),
        (
            [
                step("yes", "found.true"),
                step("no", "found.false"),
                step("j", "yes.always", "no", join="every"),
            ],
            [("join_never_fires", "j")],
        ),
        (
            [
                step("yes", "found.true"),
                step("no", "found.false"),
                step("either", "yes", "no"),
                step("j", "yes", "either", join="every"),
            ],
            [],
        ),
        (
            [
                step("j", "found.true", "found.false", join="every"),
                step("after", "j"),
                step("both", "j", "found.true"),
                step("all_of", "j", "found.true", join="every"),
            ],
            [
                ("join_never_fires", "j"),
                ("unreachable_step", "after"),
                ("unreachable_step", "all_of"),
            ],
        ),
    ],
)
def test_a_join_that_can_never_fire_is_found(
    steps: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    assert codes(FOUND, *steps) == expected


def test_a_dead_join_names_the_step_and_its_outcomes() -> None:
    (problem,) = errors(FOUND, step("j", "found.true", "found.false", join="every"))
    assert '"found" would have to end with false and true at once' in problem.message


def startable(random: Definition) -> set[str]:
    """The steps that start in some world, by trying every way in which every step may end."""
    built = graph.build(random)
    labels = {key: edges.outcomes(built.steps[key]) for key in built.order}
    started: set[str] = set()
    for choice in product(*labels.values()):
        ending = dict(zip(labels, choice, strict=True))
        ran: set[str] = set()
        for key in built.order:
            taken = [
                need.step in ran and need.outcome in ("always", ending[need.step])
                for need in built.incoming[key]
            ]
            all_or_any = all if built.steps[key].join == "every" else any
            if not taken or all_or_any(taken):
                ran.add(key)
        started |= ran
    return started


@given(acyclic(max_steps=6))
def test_what_is_called_dead_truly_never_starts(random: Definition) -> None:
    found = graph.problems(random)
    dead = {p.step for p in found if p.code in ("join_never_fires", "unreachable_step")}
    assert not dead & startable(random)


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"limits": {"timeout": 301}}, "limits.timeout", "at most 300 seconds, not 301"),
        ({"limits": {"parallel": 11}}, "limits.parallel", "at most 10"),
        ({"input": {"type": "objekt"}}, "input.type", "objekt"),
        ({"input": {"$ref": "http://127.0.0.1/"}}, "input.$ref", "inside this schema"),
    ],
)
def test_the_head_of_a_definition_is_checked(more: Any, field: str, words: str) -> None:
    (problem,) = errors(step("a"), **more)
    assert (problem.step, problem.field) == (None, field)
    assert words in problem.message


@pytest.mark.parametrize(
    ("broken", "field", "words"),
    [
        (step("a", timeout=6), "timeout", "at most 5 seconds"),
        (step("a", kind="http", timeout=31), "timeout", "at most 30 seconds"),
        (step("a", retry={"attempts": 21}), "retry.attempts", "at most 20"),
        (step("a", retry={"delay": 3601}), "retry.delay", "at most 3600 seconds"),
        (step("a", retry={"max_delay": 3601}), "retry.max_delay", "at most 3600 seconds"),
        (step("a", config={"mesage": "x", "message": "y"}), "with.mesage", '"message"'),
        (step("a", kind="http", config={"url": "/orders"}), "with.url", "whole URL"),
    ],
)
def test_a_step_is_checked_against_its_type_and_the_limits(
    broken: dict[str, Any], field: str, words: str
) -> None:
    (problem,) = errors(broken)
    assert (problem.step, problem.field) == ("a", field)
    assert words in problem.message


def chain(length: int) -> list[dict[str, Any]]:
    return [step(f"s{index}", *([f"s{index - 1}"] if index else [])) for index in range(length)]


def test_size_and_depth_have_limits() -> None:
    assert codes(*chain(20)) == []
    assert codes(*chain(21)) == [("too_deep", None)]
    assert codes(*(step(f"s{index}") for index in range(51))) == [("too_many_steps", None)]


def test_limits_can_be_set() -> None:
    tight = DefinitionLimits(steps=1, depth=1)
    found = graph.problems(definition(*chain(2)), limits=tight)
    assert [problem.code for problem in found] == ["too_many_steps", "too_deep"]


def test_problems_of_all_kinds_are_told_at_once() -> None:
    found = codes(
        step("a", "b", kind="http", config={}),
        step("b", "a", "x"),
        step("c", config={"message": "{{ steps.nope.output }} "}),
        limits={"timeout": 999},
    )
    assert found == [
        ("over_limit", None),
        ("missing_key", "a"),
        ("cycle", "a"),
        ("unknown_step", "b"),
        ("unknown_step", "c"),
    ]


@pytest.mark.parametrize(
    ("method", "more", "refused"),
    [
        ("GET", {}, False),
        ("put", {}, False),
        ("POST", {}, True),
        ("patch", {}, True),
        ("{{ trigger.body.method }}", {}, True),
        ("POST", {"idempotent": True}, False),
    ],
)
def test_a_poll_repeats_only_what_may_be_repeated(
    method: str, more: dict[str, Any], refused: bool
) -> None:
    config = {"request": {"url": "https://a.example", "method": method}, "until": "{{ true }}"}
    found = codes(step("a", kind="poll", config=config, **more))
    assert found == ([("unsafe_repetition", "a")] if refused else [])


@pytest.mark.parametrize(
    ("kind", "on", "refused"),
    [
        ("poll", ["poll_limit", "any", "5xx", "expression", "config"], False),
        ("email", ["mail", "connect"], False),
        ("sub_workflow", ["child"], False),
        ("for_each", ["child"], False),
        ("http", ["mail"], True),
        ("log", ["child"], True),
        ("sub_workflow", ["poll_limit"], True),
    ],
)
def test_a_retry_names_errors_that_its_step_can_have(
    kind: str, on: list[str], refused: bool
) -> None:
    found = codes(step("a", kind=kind, retry={"on": on}))
    assert found == ([("idle_retry", "a")] if refused else [])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"executions": 3}, []),
        ({"executions": 3, "limit": "cancel_oldest"}, []),
        ({"executions": None}, []),
        ({"limit": "drop"}, [("idle_limit", None)]),
        ({"limit": "queue", "executions": None}, [("idle_limit", None)]),
    ],
)
def test_a_limit_policy_needs_a_limit(
    limits: dict[str, Any], expected: list[tuple[str, str | None]]
) -> None:
    assert codes(step("a"), limits=limits) == expected


@pytest.mark.parametrize(("kind", "key"), [("wait_for_callback", "schema"), ("approval", "form")])
def test_a_schema_holds_no_expression(kind: str, key: str) -> None:
    schema = {"type": "object", "title": "{{ trigger.body.title }}"}
    (problem,) = errors(step("a", kind=kind, config={**CONFIGS[kind], key: schema}))
    assert (problem.code, problem.field) == ("bad_schema", f"with.{key}.title")


def test_the_timeout_of_a_step_that_waits_is_said_elsewhere() -> None:
    (problem,) = errors(step("a", kind="approval", timeout=3600))
    assert "How long it waits is said in with.timeout." in problem.message
