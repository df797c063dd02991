"""The judge of I3 by itself; that it agrees with the engine the properties of test_engine say."""

from __future__ import annotations

import pytest

from executions.invariants.edges import begun_early
from tests.workflows.definitions import definition, step

A_DONE = ("step.succeeded", "a", "success")
A_FAILED = ("step.failed", "a", None)
A_SKIPPED = ("step.skipped", "a", None)
B_DONE = ("step.succeeded", "b", "success")
C_BEGINS = ("step.queued", "c", None)
BEGINNINGS = [("step.queued", "a", None), ("step.started", "b", None)]


@pytest.mark.parametrize(
    ("join", "needs", "history", "early"),
    [
        ("settled", ["a"], [C_BEGINS], ["c"]),
        ("settled", ["a"], [A_DONE, C_BEGINS], []),
        ("settled", ["a"], [C_BEGINS, A_DONE], ["c"]),
        ("settled", ["a"], [A_FAILED, C_BEGINS], ["c"]),
        ("settled", ["a.failure"], [A_FAILED, C_BEGINS], []),
        ("settled", ["a.always"], [A_FAILED, C_BEGINS], []),
        ("settled", ["a.always"], [A_SKIPPED, C_BEGINS], ["c"]),
        ("settled", ["a", "b"], [A_DONE, C_BEGINS], ["c"]),
        ("settled", ["a", "b"], [A_SKIPPED, B_DONE, C_BEGINS], []),
        ("first", ["a", "b"], [B_DONE, C_BEGINS], []),
        ("first", ["a", "b"], [A_FAILED, C_BEGINS], ["c"]),
        ("every", ["a", "b"], [A_DONE, B_DONE, C_BEGINS], []),
        ("every", ["a", "b"], [A_SKIPPED, B_DONE, C_BEGINS], ["c"]),
    ],
)
def test_a_step_may_begin_once_its_edges_say_so(
    join: str, needs: list[str], history: list[tuple[str, str, str | None]], early: list[str]
) -> None:
    judged = definition(step("a"), step("b"), step("c", *needs, join=join))
    assert begun_early(judged, [*BEGINNINGS, *history]) == early


def test_only_the_first_beginning_counts_and_a_retry_is_none() -> None:
    judged = definition(step("a"), step("c", "a"))
    history = [A_DONE, C_BEGINS, ("step.started", "c", None), ("step.started", "c", None)]
    assert begun_early(judged, history) == []


def test_a_step_that_the_definition_does_not_have_may_never_begin() -> None:
    assert begun_early(definition(step("a")), [("step.started", "ghost", None)]) == ["ghost"]
