from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.definitions import definition, document, step
from workflows.definition import Definition, Need, Problem, Retry, loads, parse

EXAMPLE = """
schema: 1
input: {type: object, required: [order_id]}
limits: {timeout: 120, parallel: 5}
on_failure: notify-ops
output: "{{ steps.fetch.output.body }}"
steps:
  - key: fetch
    type: http
    name: Fetch the order
    with: {url: "https://shop.example/{{ trigger.body.order_id }}", expect: ["2xx", 404]}
    retry: {attempts: 2, delay: 1, factor: 2, max_delay: 60, jitter: none, on: [connect, 429, 5xx]}
    timeout: 10
    idempotent: true
    on_unknown: retry
  - {key: found, type: condition, needs: [fetch], with: {if: true}, continue_on_failure: true}
  - {key: done, type: log, needs: [found.true, fetch.always], join: first, when: "{{ true }}"}
"""


def test_the_example_reads_with_all_its_keys() -> None:
    parsed, problems = parse(loads(EXAMPLE, "yaml")[0])
    assert problems == []
    assert parsed is not None
    fetch, found, done = parsed.steps
    assert (parsed.limits.timeout, parsed.limits.parallel, parsed.on_failure) == (
        120,
        5,
        "notify-ops",
    )
    assert fetch.retry == Retry(attempts=2, jitter="none", on=("connect", 429, "5xx"))
    assert (fetch.timeout, fetch.idempotent, fetch.on_unknown) == (10, True, "retry")
    assert found.needs == (Need("fetch", "success"),)
    assert done.needs == (Need("found", "true"), Need("fetch", "always"))
    assert (done.join, done.when) == ("first", "{{ true }}")


def test_a_definition_gives_its_document_back() -> None:
    original = loads(EXAMPLE, "yaml")[0]
    parsed, _ = parse(original)
    assert parsed is not None
    assert parsed.model_dump(mode="json", exclude_unset=True) == original


def test_the_defaults_are_those_of_the_design() -> None:
    parsed = definition(step("a"))
    only = parsed.steps[0]
    assert (parsed.limits.timeout, parsed.limits.parallel) == (300, 10)
    assert (only.join, only.on_unknown, only.continue_on_failure) == ("settled", "park", False)
    assert Retry() == Retry(attempts=4, delay=1, factor=2, max_delay=60, jitter="full", on=None)


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(definition(step("a")).steps[0], "type", "http")  # noqa: B010 - mypy forbids it too


def test_all_problems_are_told_at_once() -> None:
    broken = document(
        step("a", "b..c", retry={"attempts": 0}, timeout=True),
        step("Bad Key"),
        step("a", "x", "x"),
        limits={"paralel": 2},
    )
    assert [(problem.code, problem.step, problem.field) for problem in parse(broken)[1]] == [
        ("unknown_key", None, "limits.paralel"),
        ("bad_value", "a", "needs[0]"),
        ("bad_value", "a", "retry.attempts"),
        ("wrong_type", "a", "timeout"),
        ("bad_value", None, "steps[1].key"),
        ("duplicate_step", "a", "key"),
        ("duplicate_need", "a", "needs"),
    ]


@pytest.mark.parametrize(
    ("broken", "field", "words"),
    [
        ([], None, "an object, not a list"),
        ({"steps": [step("a")]}, "schema", '"schema" is missing'),
        (document(step("a"), schema=2), "schema", "must be 1"),
        (document(), "steps", "at least one step"),
        (document(step("a"), step=[]), "step", 'Did you mean "steps"?'),
        (document(step("a"), foo=1), "foo", "Valid: input, limits"),
        (document(step("a"), on_failure="Notify Ops"), "on_failure", "alert-us"),
        (document(step("a"), limits={"timeout": "5"}), "limits.timeout", "a number, not text"),
        (document(step("a"), limits={"parallel": 1.5}), "limits.parallel", "a whole number"),
        (document(step("a", neds=[])), "neds", 'Did you mean "needs"?'),
        (document(step("a", join="all")), "join", "'settled', 'first' or 'every'"),
        (document(step("a", needs="b")), "needs", "a list, not text"),
        (document(step("a", config=[])), "with", "an object, not a list"),
        (document(step("a", retry={"on": ["6xx"]})), "retry.on[0]", '"5xx"'),
        (document(step("a", retry={"on": [True]})), "retry.on[0]", "429"),
        (document(step("a", retry={"tries": 3})), "retry.tries", "Valid: attempts"),
        (document(step("a", when=True)), "when", "text, not true or false"),
        (document(step("a", name={"\x00": 1})), "steps[0].name", "NUL"),
    ],
)
def test_a_problem_says_what_where_and_what_would_be_valid(
    broken: Any, field: str | None, words: str
) -> None:
    parsed, problems = parse(broken)
    assert parsed is None
    assert [problem.field for problem in problems] == [field]
    assert words in problems[0].message


@pytest.mark.parametrize("key", ["a", "a1_b", "a" * 63])
def test_a_step_key_may_be(key: str) -> None:
    assert definition(step(key)).steps[0].key == key


@pytest.mark.parametrize("key", ["", "A", "1a", "_a", "a-b", "a.b", "a" * 64, "a\n", 1, None])
def test_a_step_key_may_not_be(key: Any) -> None:
    (problem,) = parse(document(step(key)))[1]
    assert problem.field == "steps[0].key"


@pytest.mark.parametrize(
    ("text", "need"),
    [("a", Need("a")), ("a.failure", Need("a", "failure")), ("a.case_1", Need("a", "case_1"))],
)
def test_a_need_names_a_step_and_an_outcome(text: str, need: Need) -> None:
    assert Need.parse(text) == need
    assert str(need) == text


@pytest.mark.parametrize("text", ["", ".", "a.", ".b", "a.b.c", "a b", "A", 5, None])
def test_a_need_that_names_nothing_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="A need is"):
        Need.parse(text)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["schema", "steps", "key", "needs", "with"]), inner)
    ),
    max_leaves=10,
)


@given(JUNK)
def test_parse_never_raises_and_always_explains(junk: object) -> None:
    parsed, problems = parse(junk)
    assert (parsed is None) == bool(problems)
    assert all(problem.message.endswith((".", "?")) for problem in problems)


def test_a_problem_is_a_plain_dict_for_the_api() -> None:
    assert Problem("error", "cycle", "A circle.", step="a").as_dict() == {
        "severity": "error",
        "code": "cycle",
        "message": "A circle.",
        "step": "a",
        "field": None,
    }


def test_the_language_has_a_json_schema() -> None:
    schema = Definition.model_json_schema()
    assert schema["required"] == ["schema", "steps"]
    assert schema["$defs"]["Step"]["properties"]["needs"]["items"]["type"] == "string"


@pytest.mark.parametrize("kind", ["any", "expression", "config", "poll_limit", "child", "mail"])
def test_a_retry_may_name_every_kind_of_error(kind: str) -> None:
    (only,) = definition(step("a", retry={"on": [kind]})).steps
    assert only.retry is not None
    assert only.retry.on == (kind,)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"executions": 0}, "limits.executions"),
        ({"executions": 10_001}, "limits.executions"),
        ({"executions": "{{ 3 }}"}, "limits.executions"),
        ({"executions": 1, "limit": "cancel_newest"}, "limits.limit"),
    ],
)
def test_a_limit_of_executions_is_a_number_with_a_policy(limits: Any, field: str) -> None:
    _, (problem,) = parse(document(step("a"), limits=limits))
    assert problem.field == field
