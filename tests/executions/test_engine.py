"""What follows from a run's states: tables. test_engine_machine.py has random runs."""

from __future__ import annotations

from typing import Any

import pytest

from executions.engine import Decision, StepState, decide
from executions.states import STEP_ENDED, ExecutionStatus, StepStatus
from tests.workflows.definitions import definition, step
from workflows import graph
from workflows.graph import Graph

STATES: dict[str, StepState] = {
    "ok": StepState(StepStatus.SUCCEEDED, "success"),
    "true": StepState(StepStatus.SUCCEEDED, "true"),
    "bad": StepState(StepStatus.FAILED, "failure"),
    "skip": StepState(StepStatus.SKIPPED),
    **{status.value: StepState(status) for status in StepStatus if status not in STEP_ENDED},
}


def graph_of(*steps: dict[str, Any]) -> Graph:
    return graph.build(definition(*steps))


def decided(graph: Graph, parallel: int = 10, **states: str) -> Decision:
    return decide(graph, {key: STATES[name] for key, name in states.items()}, parallel=parallel)


# --- Joins -------------------------------------------------------------------------------------

STARTS, SKIPS, WAITS = "starts", "skips", "waits"


@pytest.mark.parametrize(
    ("join", "a", "b", "fate"),
    [
        ("settled", "running", "running", WAITS),
        ("settled", "ok", "running", WAITS),
        ("settled", "ok", "retrying", WAITS),
        ("settled", "ok", "unknown", WAITS),
        ("settled", "skip", "running", WAITS),
        ("settled", "ok", "ok", STARTS),
        ("settled", "ok", "skip", STARTS),
        ("settled", "skip", "ok", STARTS),
        ("settled", "skip", "skip", SKIPS),
        ("settled", "true", "skip", SKIPS),
        ("first", "running", "running", WAITS),
        ("first", "skip", "running", WAITS),
        ("first", "ok", "running", STARTS),
        ("first", "running", "ok", STARTS),
        ("first", "skip", "ok", STARTS),
        ("first", "skip", "skip", SKIPS),
        ("every", "running", "running", WAITS),
        ("every", "ok", "running", WAITS),
        ("every", "ok", "ok", STARTS),
        ("every", "ok", "skip", SKIPS),
        ("every", "skip", "running", SKIPS),
        ("every", "running", "skip", SKIPS),
    ],
)
def test_a_join_waits_for_what_it_says(join: str, a: str, b: str, fate: str) -> None:
    joined = graph_of(step("a"), step("b"), step("c", "a", "b", join=join))
    decision = decided(joined, a=a, b=b)
    assert (decision.ready, decision.skipped) == {
        STARTS: (("c",), ()),
        SKIPS: ((), ("c",)),
        WAITS: ((), ()),
    }[fate]


# --- Edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("need", "state", "taken"),
    [
        ("a", "ok", True),
        ("a", "true", False),
        ("a", "bad", False),
        ("a", "skip", False),
        ("a.true", "true", True),
        ("a.true", "ok", False),
        ("a.failure", "bad", True),
        ("a.failure", "ok", False),
        ("a.failure", "skip", False),
        ("a.always", "ok", True),
        ("a.always", "true", True),
        ("a.always", "bad", True),
        ("a.always", "skip", False),
    ],
)
def test_an_edge_is_taken_by_outcome(need: str, state: str, taken: bool) -> None:
    # The second edge handles a failure, so that the run goes on after one.
    handled = graph_of(step("a"), step("b", need), step("c", "a.failure"))
    assert ("b" in decided(handled, a=state).ready) is taken
    assert ("b" in decided(handled, a=state).skipped) is not taken


def test_dead_edges_skip_all_that_is_behind_them() -> None:
    chain = graph_of(step("a"), step("b", "a.failure"), step("c", "b"), step("d", "c.always"))
    assert decided(chain, a="ok") == Decision(ExecutionStatus.SUCCEEDED, (), ("b", "c", "d"))


def test_only_the_branch_that_is_taken_runs() -> None:
    fork = graph_of(
        step("a", kind="condition"),
        step("yes", "a.true"),
        step("no", "a.false"),
        step("after", "yes", "no"),
    )
    assert decided(fork, a="true") == Decision(ExecutionStatus.RUNNING, ("yes",), ("no",))
    assert decided(fork, a="true", no="skip", yes="ok").ready == ("after",)


# --- Failures ----------------------------------------------------------------------------------


def test_a_failure_that_may_be_passed_over_takes_no_success_edge() -> None:
    tolerant = graph_of(step("a", continue_on_failure=True), step("b", "a"), step("c"))
    assert decided(tolerant, a="bad") == Decision(ExecutionStatus.RUNNING, ("c",), ("b",))
    assert decided(tolerant, a="bad", b="skip", c="ok").status is ExecutionStatus.SUCCEEDED


def test_a_run_whose_failures_are_handled_succeeds() -> None:
    handled = graph_of(step("a"), step("b", "a.failure"))
    assert decided(handled, a="bad", b="ok").status is ExecutionStatus.SUCCEEDED


def test_after_an_unhandled_failure_nothing_starts_and_running_steps_are_waited_for() -> None:
    wide = graph_of(*(step(key) for key in "abcdefg"), step("z", "a"))
    decision = decided(
        wide, a="bad", b="running", c="queued", d="retrying", e="waiting", f="unknown"
    )
    assert decision == Decision(ExecutionStatus.RUNNING, cancelled=("c", "d", "e", "f", "g", "z"))


def test_once_the_running_steps_are_through_the_run_has_failed() -> None:
    pair = graph_of(step("a"), step("b"), step("c", "b"))
    assert decided(pair, a="bad", b="ok") == Decision(ExecutionStatus.FAILED, cancelled=("c",))


def test_a_second_failure_while_winding_down_is_no_reason_to_go_on() -> None:
    pair = graph_of(step("a"), step("b"), step("c", "b.failure"))
    assert decided(pair, a="bad", b="bad") == Decision(ExecutionStatus.FAILED, cancelled=("c",))


# --- Places and statuses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        ({}, ("a", "b")),
        ({"a": "queued"}, ("b",)),
        ({"a": "running", "b": "queued"}, ()),
        ({"a": "running", "b": "retrying"}, ()),
        ({"a": "waiting", "b": "running"}, ("c",)),
        ({"a": "unknown", "b": "waiting"}, ("c", "d")),
        ({"a": "ok", "b": "running"}, ("c",)),
    ],
)
def test_steps_wait_for_a_place(states: dict[str, str], ready: tuple[str, ...]) -> None:
    wide = graph_of(*(step(key) for key in "abcd"))
    assert decided(wide, parallel=2, **states).ready == ready


@pytest.mark.parametrize(
    ("a", "b", "status"),
    [
        ("running", "waiting", ExecutionStatus.RUNNING),
        ("queued", "retrying", ExecutionStatus.RUNNING),
        ("retrying", "ok", ExecutionStatus.WAITING),
        ("waiting", "unknown", ExecutionStatus.WAITING),
        ("unknown", "ok", ExecutionStatus.WAITING),
        ("skip", "ok", ExecutionStatus.SUCCEEDED),
        ("skip", "skip", ExecutionStatus.SUCCEEDED),
    ],
)
def test_a_run_waits_when_every_open_step_does(a: str, b: str, status: ExecutionStatus) -> None:
    assert decided(graph_of(step("a"), step("b")), a=a, b=b).status is status


def test_a_run_does_not_succeed_while_a_branch_behind_a_first_join_goes_on() -> None:
    race = graph_of(step("a"), step("b"), step("c", "a", "b", join="first"))
    assert decided(race, a="ok", b="running", c="ok").status is ExecutionStatus.RUNNING
