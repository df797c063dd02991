"""Random runs on the real database through the services: everything that workers, sweepers, people
and the clock may do, in any order. After each the invariants hold; in the end each run has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.db.models.functions import Now
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from executions import services, sweeper
from executions.callbacks import Callback
from executions.models import Execution, StepRun
from executions.runs import Claim, Skip
from executions.services.resolving import Action
from executions.services.writing import StaleError
from tenants import scope
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    REFUSED,
    WRONG,
    as_it_is,
    expire_lease,
    finish,
    finish_and_die,
    hurry,
    new_worker,
    revision,
)
from tests.workflows.definitions import documents, step
from workflows.definition import JSON
from workflows.steps.base import Done, ForEach, Result, Wait

ANY = st.integers(0, 99)  # which of those that there are just now

RESULTS: dict[str, Callable[[], Result | Skip]] = {
    "done": Done,
    "true": lambda: Done(outcome="true"),
    "false": lambda: Done(outcome="false"),
    "wrong": lambda: WRONG,
    "to be tried again": lambda: REFUSED,
    "not known": lambda: BROKEN_OFF,
    "guarded": Skip,
    "waits for a time": lambda: Wait(datetime.now(UTC) + timedelta(hours=1), state={"n": 1}),
    "waits for a call": lambda: Wait(None, answer="callback"),
    "waits for a person": lambda: Wait(None, answer="approval", ask=OWNERS),
}
OWNERS: JSON = {"people": [], "roles": ["owner"]}
ITEMS: JSON = [1, 2, 3]


class Runs(RuleBasedStateMachine):
    """One run with its items. Arguments are numbers, so that an example does the same again."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant = factories.make_tenant()
        self.workers = new_worker()
        self.execution: Execution | None = None
        self.in_hand: list[Claim] = []
        self.zombies: list[Claim] = []  # as they were when they were recorded, or lost

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

    def _own(self, made: dict[str, Any]) -> dict[str, Any]:
        """The step, its body's steps with keys of their own."""
        if made["type"] != "for_each":
            return made
        body = [
            step(f"{made['key']}_in", kind="http"),
            step(f"{made['key']}_out", f"{made['key']}_in"),
        ]
        config = {"items": ITEMS, "parallel": 2, "on_item_failure": self.on_item_failure}
        return {**made, "with": {**config, "steps": body, "result": 1}}

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
    def answer_or_decide(self, which: int, decision: str) -> None:
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

    def _record_late(self, late: Claim, how: str, *, knows: bool) -> None:
        """`knows`: the worker believes that it knows where the run stands."""
        claim = as_it_is(late)
        if not knows:
            claim.run.seq = -1
        before = revision(claim)
        assert finish(claim, self.workers, result_of(claim, how)) is None
        assert revision(claim) == before, "a late result was taken"

    def _let_go(self) -> None:
        """What was taken from workers is theirs no more."""
        held = {(row.id, row.fence) for row in self._steps("running")}
        lost = [claim for claim in self.in_hand if (claim.step_id, claim.fence) not in held]
        self.in_hand = [claim for claim in self.in_hand if claim not in lost]
        self.zombies += map(as_it_is, lost)

    def _answer(self, row: StepRun, decision: str) -> None:
        if row.waits["for"] == "callback":
            callback = Callback(self.tenant.id, row.execution_id, row.key)
            services.answer(callback, body=None, headers={}, query={})
        elif row.waits["for"] == "approval":
            owner = Principal("user", UUID(int=1), self.tenant.id, "x", Role.OWNER, "o@x.example")
            with scope.tenant(self.tenant.id):
                services.decide(
                    tenant_id=self.tenant.id,
                    execution_id=row.execution_id,
                    key=row.key,
                    decision=decision,  # type: ignore[arg-type] # one of the two words
                    by=owner,
                )
        self._let_go()

    def _resolve(self, row: StepRun, action: Action) -> None:
        with scope.tenant(self.tenant.id):
            services.resolve(
                tenant_id=self.tenant.id,
                execution_id=row.execution_id,
                key=row.key,
                action=action,
                by="otto",
            )
        self._let_go()

    def _runs(self, **lookups: object) -> list[UUID]:
        with scope.tenant(self.tenant.id):
            return list(Execution.objects.filter(**lookups).values_list("id", flat=True))

    def _steps(self, status: str) -> list[StepRun]:
        with scope.tenant(self.tenant.id):
            rows = StepRun.objects.filter(status=status).select_related("execution")
            return list(rows.order_by("key", "execution__item_index"))

    def _make_due(self, row: StepRun) -> None:
        with scope.tenant(self.tenant.id):
            StepRun.objects.filter(id=row.id).update(due_at=Now())


def result_of(claim: Claim, how: str, *, alone: bool = False) -> Result | Skip:
    """As the step would end; a for_each that is done starts its items, unless it is `alone`."""
    if how == "done" and claim.step.type == "for_each":
        collect = claim.step.config["on_item_failure"] == "collect"
        return Done() if alone else ForEach((1, 2, 3), parallel=2, collect=collect)
    return RESULTS[how]()


@pytest.mark.usefixtures("committed_db")
def test_random_runs_keep_every_invariant_and_end() -> None:
    # An example costs too much to look for a smaller one of the kind.
    generate = [hypothesis.Phase.generate]
    settings = hypothesis.settings(max_examples=20, stateful_step_count=20, phases=generate)
    run_state_machine_as_test(Runs, settings=settings)
