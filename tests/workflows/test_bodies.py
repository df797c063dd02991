"""The bodies of for-each steps: how they are read, and as definitions of their own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.definitions import acyclic, definition, document, step
from workflows import bodies, graph
from workflows.definition import Definition, parse
from workflows.graph import build


def each(key: str, *body: Any, needs: tuple[str, ...] = (), **config: Any) -> dict[str, Any]:
    """A for-each step with this body."""
    return step(key, *needs, kind="for_each", config={"items": [1], "steps": [*body], **config})


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (step("e", kind="for_each", config={"items": []}), ("missing_key", "e", "with.steps")),
        (each("e", steps=5), ("wrong_type", "e", "with.steps")),
        (each("e", steps="{{ trigger.body }}"), ("wrong_type", "e", "with.steps")),
        (each("e"), ("bad_value", "e", "with.steps")),
        (each("e", 5), ("wrong_type", "e", "with.steps[0]")),
        (each("e", step("a", nedds=[])), ("unknown_key", "a", "nedds")),
        (each("e", step("A")), ("bad_value", "e", "with.steps[0].key")),
        (each("e", step("{{ x }}")), ("bad_value", "e", "with.steps[0].key")),
        (each("e", step("a", "b", "b")), ("duplicate_need", "a", "needs")),
        (each("e", each("i", step("a", join=5))), ("bad_value", "a", "join")),
        (each("e", each("i", {"type": "log"})), ("missing_key", "i", "with.steps[0].key")),
        (each("e", each("i", steps={})), ("wrong_type", "i", "with.steps")),
    ],
)
def test_a_broken_body_is_told_at_its_step(broken: Any, place: tuple[str, str, str]) -> None:
    parsed, problems = parse(document(broken))
    assert parsed is None
    assert [(p.code, p.step, p.field) for p in problems] == [place]


@pytest.mark.parametrize(
    "steps",
    [
        [step("a"), each("e", step("a"))],
        [each("e", step("e"))],
        [each("e", step("a")), each("f", step("a"))],
        [each("e", step("a"), each("i", step("a")))],
    ],
)
def test_keys_are_unique_in_the_whole_definition(steps: list[Any]) -> None:
    _, (problem,) = parse(document(*steps))
    assert (problem.code, problem.field) == ("duplicate_step", "key")


NESTED = definition(
    step("before"),
    each(
        "outer",
        step("a"),
        each("inner", step("x"), step("y", "x"), needs=("a",)),
        step("b", "a"),
        needs=("before",),
    ),
    each("other", step("z"), result={"i": "{{ index }}"}),
    limits={"timeout": 120, "parallel": 2, "executions": 1},
)


def test_a_body_is_found_by_its_step_wherever_it_is_nested() -> None:
    found = {owner.key: [s.key for s in body.steps] for owner, body in bodies.bodies(NESTED)}
    assert found == {"outer": ["a", "inner", "b"], "inner": ["x", "y"], "other": ["z"]}
    for key, keys in found.items():
        assert [s.key for s in bodies.body_of(NESTED, key).steps] == keys
    assert [s.key for s in bodies.all_steps(NESTED)] == [
        *("before", "outer", "other"),
        *("a", "inner", "b", "x", "y", "z"),
    ]


@pytest.mark.parametrize("key", ["before", "a", "nobody"])
def test_only_a_for_each_step_has_a_body(key: str) -> None:
    with pytest.raises(KeyError):
        bodies.body_of(NESTED, key)


def test_a_body_has_the_time_of_the_whole_and_its_own_parallel_steps() -> None:
    for key in ("outer", "inner"):
        limits = bodies.body_of(NESTED, key).limits
        assert (limits.timeout, limits.parallel, limits.executions) == (120, 10, None)


@pytest.mark.parametrize(
    ("body", "config", "output"),
    [
        ([step("a"), step("b", "a")], {}, "{{ steps.b.output }}"),
        (
            [step("a", kind="condition"), step("b", "a.true"), step("c", "a.failure")],
            {},
            {"b": "{{ steps.b.output }}", "c": "{{ steps.c.output }}"},
        ),
        ([step("a")], {"result": "{{ item.id }}"}, "{{ item.id }}"),
        ([step("a")], {"result": None}, None),
    ],
)
def test_an_item_leaves_its_result_or_what_its_last_steps_gave(
    body: list[Any], config: Any, output: Any
) -> None:
    assert bodies.body_of(definition(each("e", *body, **config)), "e").output == output


@given(acyclic(max_steps=8))
def test_a_definition_is_its_own_body_when_wrapped(random: Definition) -> None:
    raw: Any = random.model_dump(mode="json", exclude_unset=True)["steps"]
    wrapped = definition(each("wrapper", *raw))
    body = bodies.body_of(wrapped, "wrapper")
    assert body.steps == random.steps
    assert build(body) == build(random)


@given(acyclic(max_steps=8), st.integers(1, 2))
def test_wrapping_keeps_every_problem_at_its_step(random: Definition, levels: int) -> None:
    """All checks look into bodies; only the output of last steps is no longer unread."""
    raw: Any = random.model_dump(mode="json", exclude_unset=True)["steps"]
    inner = raw
    for level in range(levels):
        inner = [each(f"level_{level}", *inner)]
    found = {(p.code, p.step, p.field) for p in graph.problems(random)}
    assert {(p.code, p.step, p.field) for p in graph.problems(definition(*inner))} == found


@given(acyclic(max_steps=8), st.data())
def test_a_reader_in_a_body_sees_its_upstream_and_that_of_its_step(
    random: Definition, data: st.DataObject
) -> None:
    """For every pair of a reader and a step, inside or outside, the scope check agrees with the
    graphs."""
    raw: Any = random.model_dump(mode="json", exclude_unset=True)["steps"]
    inside = build(random)
    outer = [step("first"), each("e", *raw, needs=("first",)), step("last", "e"), step("beside")]
    read = data.draw(st.sampled_from([*inside.steps, "first", "e", "last", "beside"]))
    reader = data.draw(st.sampled_from(sorted(inside.steps)))
    for entry in raw:
        if entry["key"] == reader:
            entry["when"] = f"{{{{ steps.{read}.outcome == 'success' }}}}"
    codes = {p.code for p in graph.problems(definition(*outer)) if p.step == reader}
    visible = read in inside.upstream[reader] or read == "first"
    assert ("not_upstream" in codes) == (not visible)
