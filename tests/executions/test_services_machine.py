"""Random runs on the real database through the services: everything that workers, sweepers, people
and the clock may do, in any order. After each the invariants hold; in the end each run has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.db.models.functions import Now
from django.http import Http404
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
from tenants import scope
from tenants.models import Tenant
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    BROKEN_OFF,
    REFUSED,
    WRONG,
    expire_lease,
    finish,
    fresh,
    hurry,
    new_worker,
)
from tests.workflows.definitions import documents
from workflows.models import Workflow, WorkflowVersion
from workflows.steps.base import Done, Result, Wait

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
    "waits for a person": lambda: Wait(
        None, answer="approval", ask={"people": [], "roles": ["owner"]}
    ),
}


class Runs(RuleBasedStateMachine):
    """One run. Arguments are numbers, so that the same example does the same again."""

    tenant: Tenant

    def __init__(self) -> None:
        super().__init__()
        self.execution: Execution | None = None
        self.worker_id = new_worker()
        self.in_hand: list[Claim] = []
        self.zombies: list[Claim] = []  # as they were when they were recorded, or lost

    @initialize(
        document=documents(["http", "http", "condition"], 6, tolerant=True),
        parallel=st.integers(1, 3),
    )
    def start(self, document: dict[str, Any], parallel: int) -> None:
        made = {**document, "limits": {"parallel": parallel}}
        self.execution = factories.start_execution(live(self.tenant, made))

    # --- Workers ---

    @rule()
    def claim(self) -> None:
        claim = services.claim(self.worker_id)
        if claim is not None:
            self.in_hand.append(claim)

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)), goes_on=st.booleans())
    def record(self, which: int, how: str, goes_on: bool) -> None:
        if self.in_hand:
            self._record(self.in_hand.pop(which % len(self.in_hand)), how, goes_on=goes_on)

    @rule(which=ANY)
    def mark(self, which: int) -> None:
        """Say that the call is about to be made."""
        if self.in_hand:
            services.mark_sending(self.in_hand[which % len(self.in_hand)], {"url": "x"})

    @rule(which=ANY, how=st.sampled_from(sorted(RESULTS)), knows=st.booleans())
    def record_late(self, which: int, how: str, knows: bool) -> None:
        """A worker records what it has recorded before, or what another has been given since."""
        if self.zombies:
            claim = as_it_is(self.zombies[which % len(self.zombies)])
            if not knows:
                claim.run.seq = -1
            with self._nothing_happens():
                assert finish(claim, self.worker_id, RESULTS[how]()) is None

    # --- Sweepers and the clock ---

    @rule(which=ANY)
    def lose(self, which: int) -> None:
        if not self.in_hand:
            return
        claim = self.in_hand.pop(which % len(self.in_hand))
        self.zombies.append(as_it_is(claim))
        expire_lease(claim)
        for lost in services.lost_steps():
            services.release(lost)

    @rule()
    def sweep(self) -> None:
        sweeper.sweep()

    @rule()
    def retries_are_due(self) -> None:
        if self.execution:
            hurry(self.execution)

    @rule(which=ANY)
    def time_comes(self, which: int) -> None:
        rows = [row for row in self._steps("waiting") if row.due_at is not None]
        if rows:
            self._update(rows[which % len(rows)], due_at=Now())

    @rule(seldom=ANY)
    def run_out_of_time(self, seldom: int) -> None:
        if self.execution and seldom < 10:
            with scope.tenant(self.tenant.id):
                rows = Execution.objects.filter(id=self.execution.id, status="running")
                rows.update(deadline_at=Now() - timedelta(seconds=1))
            sweeper.sweep()
            self._drop_all()

    # --- People and callers ---

    @rule(which=ANY)
    def answer(self, which: int) -> None:
        """Also to steps that do not wait for a call, or not yet."""
        keys = self._keys()
        if keys:
            with suppress(Problem, Http404):
                self._answer(keys[which % len(keys)])

    @rule(which=ANY, decision=st.sampled_from(["approved", "rejected"]))
    def decide(self, which: int, decision: str) -> None:
        rows = self._steps("waiting")
        if rows:
            with suppress(Problem):
                self._decide(rows[which % len(rows)].key, decision)

    @rule(which=ANY, action=st.sampled_from(["retry", "done", "skip", "fail"]))
    def resolve(self, which: int, action: Action) -> None:
        rows = self._steps("unknown")
        if rows:
            self._resolve(rows[which % len(rows)].key, action)

    @rule(seldom=ANY)
    def cancel(self, seldom: int) -> None:
        if self.execution and seldom < 5:
            self._cancel()

    # --- What must be so ---

    @invariant()
    def is_sound(self) -> None:
        if self.execution:
            invariants.check(self.execution.id)

    def teardown(self) -> None:
        """Whatever has happened: once everybody does their part, the run ends."""
        if self.execution is None:
            return
        for _ in range(200):
            if fresh(self.execution).status in invariants.ENDS:
                break
            self._help_on()
        invariants.check_ended(self.execution.id)
        assert services.claim(self.worker_id) is None

    def _help_on(self) -> None:
        for claim in self.in_hand:
            finish(claim, None)
        taken = services.claim(self.worker_id)
        self.in_hand = [taken] if taken is not None else []
        assert self.execution is not None
        hurry(self.execution)
        for row in self._steps("unknown"):
            self._resolve(row.key, "done")
        for row in self._steps("waiting"):
            if row.due_at is not None:
                self._update(row, due_at=Now())
            elif row.waits["for"] == "approval":
                self._decide(row.key, "approved")
            else:
                self._answer(row.key)

    def _record(self, claim: Claim, how: str, *, goes_on: bool) -> None:
        self.zombies.append(as_it_is(claim))
        repeatable = how != "not known"
        worker_id = self.worker_id if goes_on else None
        following = finish(claim, worker_id, RESULTS[how](), repeatable=repeatable)
        if following is not None:
            self.in_hand.append(following)

    def _drop_all(self) -> None:
        if self.execution and fresh(self.execution).status in invariants.ENDS:
            self.zombies += map(as_it_is, self.in_hand)
            self.in_hand = []

    def _cancel(self) -> None:
        assert self.execution is not None
        with scope.tenant(self.tenant.id):
            services.cancel(self.tenant.id, self.execution.id, "Enough.")
        self._drop_all()

    def _answer(self, key: str) -> None:
        assert self.execution is not None
        callback = Callback(self.tenant.id, self.execution.id, key)
        services.answer(callback, body=None, headers={}, query={})

    def _decide(self, key: str, decision: str) -> None:
        assert self.execution is not None
        owner = Principal("user", UUID(int=1), self.tenant.id, "acme", Role.OWNER, "o@x.example")
        with scope.tenant(self.tenant.id):
            services.decide(
                tenant_id=self.tenant.id,
                execution_id=self.execution.id,
                key=key,
                decision=decision,  # type: ignore[arg-type] # one of the two words
                by=owner,
            )

    def _resolve(self, key: str, action: Action) -> None:
        assert self.execution is not None
        with scope.tenant(self.tenant.id):
            services.resolve(
                tenant_id=self.tenant.id,
                execution_id=self.execution.id,
                key=key,
                action=action,
                by="otto",
            )

    def _keys(self) -> list[str]:
        if self.execution is None:
            return []
        with scope.tenant(self.tenant.id):
            version = WorkflowVersion.objects.get(id=self.execution.version_id)
        return sorted(one["key"] for one in version.definition["steps"])

    def _steps(self, status: str) -> list[StepRun]:
        if self.execution is None:
            return []
        with scope.tenant(self.tenant.id):
            rows = StepRun.objects.filter(execution=self.execution, status=status)
            return list(rows.order_by("key"))

    def _update(self, row: StepRun, **values: object) -> None:
        with scope.tenant(self.tenant.id):
            StepRun.objects.filter(id=row.id).update(**values)

    @contextmanager
    def _nothing_happens(self) -> Iterator[None]:
        assert self.execution is not None
        before = fresh(self.execution).last_seq
        yield
        assert fresh(self.execution).last_seq == before, "a late result was taken"


def as_it_is(claim: Claim) -> Claim:
    """The claim with a run of its own, as another worker would hold it."""
    run = replace(claim.run, states=dict(claim.run.states), facts=dict(claim.run.facts))
    return replace(claim, run=run)


def live(tenant: Tenant, document: dict[str, Any]) -> Workflow:
    """A workflow with this version; unlike publishing, it takes what makes no sense."""
    with scope.tenant(tenant.id):
        workflow = Workflow.objects.create(tenant=tenant, name="Any", slug="any", draft=document)
        workflow.current = WorkflowVersion.objects.create(
            tenant=tenant, workflow=workflow, number=1, definition=document, digest="any"
        )
        workflow.save(update_fields=["current"])
    return workflow


@pytest.mark.usefixtures("committed_db")
def test_random_runs_keep_every_invariant_and_end() -> None:
    class One(Runs):
        def __init__(self) -> None:
            self.tenant = factories.make_tenant()
            super().__init__()

    run_state_machine_as_test(
        One, settings=hypothesis.settings(max_examples=25, stateful_step_count=25)
    )
