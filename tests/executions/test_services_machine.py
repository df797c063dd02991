"""Random runs on the real database through the services: everything that workers, sweepers, people
and the clock may do, in any order. After each the invariants hold; in the end each run has ended.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from django.db.models.functions import Now
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from executions import services, sweeper
from executions.callbacks import Callback
from executions.models import Execution
from executions.services.resolving import Action
from executions.services.writing import StaleError
from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    as_it_is,
    expire_lease,
    finish,
    finish_and_die,
    hurry,
)
from tests.executions.machine import RESULTS, Machine, result_of
from tests.executions.standing import Decision
from tests.workflows.definitions import documents

ANY = st.integers(0, 99)  # which of those that there are just now


class Runs(Machine):
    """One run with its items. Arguments are numbers, so that an example does the same again."""

    @initialize(
        made=documents(["http", "http", "condition", "for_each"], 6, tolerant=True),
        parallel=st.integers(1, 3),
        collect=st.booleans(),
    )
    def start(self, made: dict[str, Any], parallel: int, collect: bool) -> None:
        self.on_item_failure = "collect" if collect else "fail"
        document = {
            **made,
            "limits": {"parallel": parallel},
            "steps": [*map(self._own, made["steps"])],
        }
        self.keys = sorted(step["key"] for step in document["steps"])
        self.execution = factories.start_execution(
            factories.make_unchecked_workflow(self.tenant, document)
        )

    # --- Workers ---

    @rule()
    def claim(self) -> None:
        claim = services.claim(self.workers)
        if claim is not None:
            self.in_hand.append(claim)

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)), goes_on=st.booleans())
    def record(self, which: int, how: str, goes_on: bool) -> None:
        if self.in_hand:
            claim = self.in_hand.pop(which % len(self.in_hand))
            self.zombies.append(as_it_is(claim))
            worker_id = self.workers if goes_on else None
            repeatable = how != "not known"
            following = finish(claim, worker_id, result_of(claim, how), repeatable=repeatable)
            self.in_hand += [following] if following is not None else []
            self._let_go()

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)))
    def record_and_die(self, which: int, how: str) -> None:
        """What was to follow in other runs is lost."""
        if self.in_hand:
            claim = self.in_hand.pop(which % len(self.in_hand))
            self.zombies.append(as_it_is(claim))
            try:
                finish_and_die(as_it_is(claim), result_of(claim, how, alone=True))
            except StaleError:
                self.in_hand.append(claim)
                self.zombies.pop()

    @rule(which=ANY)
    def mark(self, which: int) -> None:
        """Say that the call is about to be made."""
        if self.in_hand:
            services.mark_sending(self.in_hand[which % len(self.in_hand)], {"url": "x"})

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)), knows=st.booleans())
    def record_late(self, which: int, how: str, knows: bool) -> None:
        """A worker records what it has recorded before, or what another has been given since."""
        if self.zombies:
            self._record_late(self.zombies[which % len(self.zombies)], how, knows=knows)

    # --- Sweepers and the clock ---

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)), heir=st.booleans())
    def lose(self, which: int, how: str, heir: bool) -> None:
        """A lease runs out; its worker is heard again, perhaps once another has the step."""
        if not self.in_hand:
            return
        claim = self.in_hand.pop(which % len(self.in_hand))
        self.zombies.append(as_it_is(claim))
        expire_lease(claim)
        for lost in services.lost_steps():
            services.release(lost)
        if heir:
            self.claim()
        self._record_late(claim, how, knows=False)

    @rule()
    def sweep(self) -> None:
        """Long after everything that has happened."""
        with scope.tenant(self.tenant.id):
            ended = Execution.objects.filter(finished_at__isnull=False)
            ended.update(finished_at=Now() - timedelta(minutes=1))
        services.beat(self.workers)
        sweeper.sweep()
        self._let_go()

    @rule()
    def retries_are_due(self) -> None:
        if self.execution:
            hurry(self.execution)

    @rule(which=ANY)
    def time_comes(self, which: int) -> None:
        rows = [row for row in self._steps("waiting") if row.due_at is not None]
        if rows:
            self._make_due(rows[which % len(rows)])

    @rule(seldom=ANY)
    def run_out_of_time(self, seldom: int) -> None:
        if seldom < 10:
            with scope.tenant(self.tenant.id):
                rows = Execution.objects.filter(status="running")
                rows.update(deadline_at=Now() - timedelta(seconds=1))
            self.sweep()

    # --- People and callers ---

    @rule(which=ANY)
    def answer_early(self, which: int) -> None:
        """Call a step that waits for a call, or for something else, or not yet."""
        if self.execution:
            callback = Callback(
                self.tenant.id, self.execution.id, self.keys[which % len(self.keys)]
            )
            with suppress(Problem):
                services.answer(callback, body=None, headers={}, query={})

    @rule(which=ANY, decision=st.sampled_from(["approved", "rejected"]))
    def answer_or_decide(self, which: int, decision: Decision) -> None:
        rows = [row for row in self._steps("waiting") if row.waits["for"] != "time"]
        if rows:
            self._answer(rows[which % len(rows)], decision)

    @rule(which=ANY, action=st.sampled_from(["retry", "done", "skip", "fail"]))
    def resolve(self, which: int, action: Action) -> None:
        rows = self._steps("unknown")
        if rows:
            self._resolve(rows[which % len(rows)], action)

    @rule(seldom=ANY)
    def cancel(self, seldom: int) -> None:
        if self.execution and seldom < 5:
            with scope.tenant(self.tenant.id):
                services.cancel(self.tenant.id, self.execution.id, "Enough.")
            self._let_go()

    # --- What must be so ---

    @invariant()
    def all_are_sound(self) -> None:
        for execution_id in self._runs():
            invariants.check(execution_id)

    def teardown(self) -> None:
        """Whatever has happened: once everybody does their part, all ends."""
        if self.execution is None:
            return
        for _ in range(100):
            self._help_on()
            if not self._runs(finished_at=None) and not self._runs(follow_up=True):
                break
        invariants.check_family(self.execution.id)
        assert services.claim(self.workers) is None

    def _help_on(self) -> None:
        while self.in_hand:
            following = finish(claim := self.in_hand.pop(), self.workers, result_of(claim, "done"))
            self.in_hand += [following] if following is not None else []
        self.claim()
        self.retries_are_due()
        self.sweep()
        for row in self._steps("unknown"):
            self._resolve(row, "done")
        for row in self._steps("waiting"):
            if row.due_at is not None:
                self._make_due(row)
            elif row.waits["for"] != "items":
                self._answer(row, "approved")


@pytest.mark.usefixtures("committed_db")
def test_random_runs_keep_every_invariant_and_end() -> None:
    # An example costs too much to look for a smaller one of the kind.
    generate = [hypothesis.Phase.generate]
    settings = hypothesis.settings(max_examples=20, stateful_step_count=20, phases=generate)
    run_state_machine_as_test(Runs, settings=settings)
