"""Decisions under random orders of everything that may happen to a run. The model is a dict."""

from __future__ import annotations

from random import Random
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from executions.engine import IN_FLIGHT, Decision, StepState, decide
from executions.invariants.edges import Ends, is_taken, may_begin
from executions.states import (
    EXECUTION_ENDED,
    EXECUTION_MOVES,
    STEP_ENDED,
    STEP_MOVES,
    ExecutionStatus,
    StepStatus,
)
from tests.workflows.definitions import definition, documents
from workflows import graph
from workflows.definition import Definition
from workflows.graph import Graph

ANY = st.integers(0, 99)  # which of those that there are just now

# What the world may do to a step, by its name: from where, to where.
WORLD: dict[str, tuple[StepStatus, StepStatus]] = {
    "is claimed": (StepStatus.QUEUED, StepStatus.RUNNING),
    "is claimed again": (StepStatus.RETRYING, StepStatus.RUNNING),
    "loses its worker": (StepStatus.RUNNING, StepStatus.QUEUED),
    "fails and is to be tried again": (StepStatus.RUNNING, StepStatus.RETRYING),
    "fails": (StepStatus.RUNNING, StepStatus.FAILED),
    "is guarded": (StepStatus.RUNNING, StepStatus.SKIPPED),
    "is done": (StepStatus.RUNNING, StepStatus.SUCCEEDED),
    "waits": (StepStatus.RUNNING, StepStatus.WAITING),
    "comes to its time": (StepStatus.WAITING, StepStatus.RUNNING),
    "is answered": (StepStatus.WAITING, StepStatus.SUCCEEDED),
    "waited in vain": (StepStatus.WAITING, StepStatus.FAILED),
    "waits again": (StepStatus.WAITING, StepStatus.RETRYING),
    "is parked": (StepStatus.RUNNING, StepStatus.UNKNOWN),
    "is sent again": (StepStatus.UNKNOWN, StepStatus.QUEUED),
    "was done after all": (StepStatus.UNKNOWN, StepStatus.SUCCEEDED),
    "is passed over": (StepStatus.UNKNOWN, StepStatus.SKIPPED),
    "has failed, somebody says": (StepStatus.UNKNOWN, StepStatus.FAILED),
}


class Decisions(RuleBasedStateMachine):
    """A run whose every decision is carried out as soon as it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, StepState] = {}
        self.status = ExecutionStatus.QUEUED

    @initialize(
        document=documents(["log", "log", "condition"], tolerant=True), parallel=st.integers(1, 4)
    )
    def start(self, document: dict[str, Any], parallel: int) -> None:
        made: Definition = definition(*document["steps"])
        self.graph: Graph = graph.build(made)
        self.parallel = parallel
        self.started: list[str] = []
        self._decide()

    @rule(what=st.sampled_from(sorted(WORLD)), which=ANY)
    def happen(self, what: str, which: int) -> None:
        source, target = WORLD[what]
        keys = sorted(key for key, state in self.states.items() if state.status is source)
        if not keys or self.status in EXECUTION_ENDED:
            return
        key = keys[which % len(keys)]
        self._move(key, StepState(target, self._outcome(key, target, which)))
        self._decide()

    @rule(order=st.randoms(use_true_random=False))
    def decide_again(self, order: Random) -> None:
        """Decisions do not hang on the order in which rows come out of the database."""
        keys = list(self.states)
        order.shuffle(keys)
        if self.status not in EXECUTION_ENDED:
            shuffled = {key: self.states[key] for key in keys}
            again = decide(self.graph, shuffled, parallel=self.parallel)
            assert again == Decision(self.status), "a decision that is done says nothing new"

    @rule(status=st.sampled_from([ExecutionStatus.CANCELLED, ExecutionStatus.TIMED_OUT]), now=ANY)
    def end_before_its_time(self, status: ExecutionStatus, now: int) -> None:
        if now >= 10 or status not in EXECUTION_MOVES[self.status]:
            return  # seldom: most runs are to go on
        for key in self.graph.order:
            if self._state(key).status not in STEP_ENDED:
                self._move(key, StepState(StepStatus.CANCELLED))
        self.status = status

    @invariant()
    def no_step_starts_twice(self) -> None:
        if hasattr(self, "graph"):
            assert len(self.started) == len(set(self.started))

    def teardown(self) -> None:
        """Whatever has happened, a run comes to its end once all its steps do."""
        if not hasattr(self, "graph"):
            return
        while self.status not in EXECUTION_ENDED:
            left = sorted(k for k, state in self.states.items() if state.status not in STEP_ENDED)
            assert left, "the run is stuck"
            if self.states[left[0]].status in (StepStatus.QUEUED, StepStatus.RETRYING):
                self._move(left[0], StepState(StepStatus.RUNNING))
            outcome = self._outcome(left[0], StepStatus.SUCCEEDED, 0)
            self._move(left[0], StepState(StepStatus.SUCCEEDED, outcome))
            self._decide()

    def _decide(self) -> None:
        decision = decide(self.graph, self.states, parallel=self.parallel)
        self._check(decision)
        for key in decision.ready:
            self.started.append(key)
            self._move(key, StepState(StepStatus.QUEUED))
        for key in decision.skipped:
            self._move(key, StepState(StepStatus.SKIPPED))
        for key in decision.cancelled:
            self._move(key, StepState(StepStatus.CANCELLED))
        self.status = decision.status
        if self.status in EXECUTION_ENDED:
            ended = {self._state(key).status for key in self.graph.order} <= STEP_ENDED
            assert ended, "the run has ended and a step has not"

    def _check(self, decision: Decision) -> None:
        if any(
            state.status is StepStatus.FAILED and key not in self.graph.handles_failure
            for key, state in self.states.items()
        ):
            assert not decision.ready, "nothing starts after a failure"
            assert not decision.skipped
            return
        assert not decision.cancelled
        ends = self._ends() | dict.fromkeys(decision.skipped, ("skipped", None))
        in_flight = sum(state.status in IN_FLIGHT for state in self.states.values())
        assert not decision.ready or in_flight + len(decision.ready) <= self.parallel
        full = in_flight + len(decision.ready) >= self.parallel
        for key in (key for key in self.graph.order if key not in self.states):
            target = self.graph.steps[key]
            assert (key in decision.skipped) == self._never_begins(key, ends)
            if key in decision.ready:
                assert may_begin(target, ends)
            else:
                assert full or not may_begin(target, ends)

    def _never_begins(self, key: str, ends: Ends) -> bool:
        target = self.graph.steps[key]
        edges = [is_taken(need, ends.get(need.step)) for need in target.needs]
        if target.join == "every":
            return False in edges
        return bool(edges) and all(taken is False for taken in edges)

    def _ends(self) -> Ends:
        return {
            key: (state.status.value, state.outcome)
            for key, state in self.states.items()
            if state.status in STEP_ENDED
        }

    def _state(self, key: str) -> StepState:
        return self.states.get(key, StepState(StepStatus.PENDING))

    def _move(self, key: str, state: StepState) -> None:
        before = self._state(key).status
        assert state.status in STEP_MOVES[before], f"{key}: {before} to {state.status}"
        self.states[key] = state

    def _outcome(self, key: str, target: StepStatus, which: int) -> str | None:
        if target is StepStatus.FAILED:
            return "failure"
        if target is not StepStatus.SUCCEEDED:
            return None
        if self.graph.steps[key].type == "condition":
            return ("true", "false")[which % 2]
        return "success"


TestDecisions = Decisions.TestCase
TestDecisions.settings = hypothesis.settings(max_examples=100, stateful_step_count=40)
