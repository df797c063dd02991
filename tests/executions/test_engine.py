"""What follows from a run's states: tables, and random runs to their end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions.engine import IN_FLIGHT, Decision, StepState, decide
from executions.invariants.edges import Ends, is_taken, may_begin
from executions.states import (
    EXECUTION_ENDED,
    STEP_ENDED,
    STEP_MOVES,
    ExecutionStatus,
    StepStatus,
)
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


# --- Random runs -------------------------------------------------------------------------------

# What may happen to a step outside the engine, and how often it may happen to one run before
# steps only end: every run has an end then.
DETOURS = (StepStatus.RETRYING, StepStatus.WAITING, StepStatus.UNKNOWN, StepStatus.QUEUED)
MAX_DETOURS = 6


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    steps: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 10))):
        edges = [
            f"{earlier['key']}.{outcome}"
            for earlier in steps
            for outcome in (*_outcomes(earlier), "failure", "always")
        ]
        needs = draw(st.lists(st.sampled_from(edges), unique=True, max_size=3)) if edges else []
        steps.append(
            step(
                f"s{index}",
                *needs,
                kind=draw(st.sampled_from(["log", "condition"])),
                join=draw(st.sampled_from(["settled", "first", "every"])),
                continue_on_failure=draw(st.booleans()),
            )
        )
    return graph.build(definition(*draw(st.permutations(steps))))


def _outcomes(source: dict[str, Any]) -> tuple[str, ...]:
    return ("true", "false") if source["type"] == "condition" else ("success",)


class RandomRun:
    """Applies decisions, and lets the world do something to one step at a time."""

    def __init__(self, graph: Graph, parallel: int, data: st.DataObject) -> None:
        self.graph, self.parallel, self.data = graph, parallel, data
        self.states: dict[str, StepState] = {}
        self.started: list[str] = []
        self.detours = 0

    def to_the_end(self) -> ExecutionStatus:
        while True:
            decision = decide(self.graph, self.states, parallel=self.parallel)
            self._check(decision)
            self._apply(decision)
            again = decide(self._shuffled(), self.states, parallel=self.parallel)
            assert again == Decision(decision.status), "a decision that is done says nothing new"
            if decision.status in EXECUTION_ENDED:
                return decision.status
            self._disturb()

    def _shuffled(self) -> Graph:
        # Decisions must not hang on the order in which rows come out of the database.
        keys = self.data.draw(st.permutations(list(self.states)))
        self.states = {key: self.states[key] for key in keys}
        return self.graph

    def _ends(self) -> Ends:
        return {
            key: (state.status.value, state.outcome)
            for key, state in self.states.items()
            if state.status in STEP_ENDED
        }

    def _pending(self) -> list[str]:
        return [key for key in self.graph.order if key not in self.states]

    def _in_flight(self) -> int:
        return sum(state.status in IN_FLIGHT for state in self.states.values())

    def _check(self, decision: Decision) -> None:
        doomed = any(
            state.status is StepStatus.FAILED and key not in self.graph.handles_failure
            for key, state in self.states.items()
        )
        if doomed:
            assert not decision.ready
            assert not decision.skipped
            return
        assert not decision.cancelled
        ends = self._ends() | dict.fromkeys(decision.skipped, ("skipped", None))
        for key in decision.ready:
            assert may_begin(self.graph.steps[key], ends)
        full = self._in_flight() + len(decision.ready) >= self.parallel
        for key in set(self._pending()) - set(decision.ready):
            assert (key in decision.skipped) == self._never_begins(key, ends)
            assert full or not may_begin(self.graph.steps[key], ends)

    def _never_begins(self, key: str, ends: Ends) -> bool:
        target = self.graph.steps[key]
        edges = [is_taken(need, ends.get(need.step)) for need in target.needs]
        if target.join == "every":
            return False in edges
        return bool(edges) and all(taken is False for taken in edges)

    def _apply(self, decision: Decision) -> None:
        for key in decision.ready:
            self.started.append(key)
            self._move(key, StepState(StepStatus.QUEUED))
        for key in decision.skipped:
            self._move(key, StepState(StepStatus.SKIPPED))
        for key in decision.cancelled:
            self._move(key, StepState(StepStatus.CANCELLED))
        assert not decision.ready or self._in_flight() <= self.parallel
        if decision.status is ExecutionStatus.SUCCEEDED:
            assert not self._pending()
        if decision.status in EXECUTION_ENDED:
            assert all(state.status in STEP_ENDED for state in self.states.values())

    def _move(self, key: str, state: StepState) -> None:
        before = self.states.get(key, StepState(StepStatus.PENDING)).status
        assert state.status in STEP_MOVES[before], f"{key}: {before} to {state.status}"
        self.states[key] = state

    def _disturb(self) -> None:
        movable = [key for key, state in self.states.items() if state.status not in STEP_ENDED]
        assert movable, "the run is stuck"
        key = self.data.draw(st.sampled_from(sorted(movable)))
        targets = STEP_MOVES[self.states[key].status] - {StepStatus.CANCELLED}
        if self.detours >= MAX_DETOURS and len(targets - set(DETOURS)):
            targets -= set(DETOURS)
        target = self.data.draw(st.sampled_from(sorted(targets)))
        self.detours += target in DETOURS
        outcome: str | None = None
        if target is StepStatus.SUCCEEDED:
            kinds = {"condition": ["true", "false"]}.get(self.graph.steps[key].type, ["success"])
            outcome = self.data.draw(st.sampled_from(kinds))
        elif target is StepStatus.FAILED:
            outcome = "failure"
        self._move(key, StepState(target, outcome))


@settings(max_examples=300, deadline=None)
@given(graphs(), st.integers(1, 4), st.data())
def test_every_run_comes_to_its_end_by_the_rules(
    graph: Graph, parallel: int, data: st.DataObject
) -> None:
    run = RandomRun(graph, parallel, data)
    run.to_the_end()
    assert len(run.started) == len(set(run.started)), "a step started twice"
