"""A random run with its items, and the hands that are laid on it: what the rules are made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from hypothesis.stateful import (
    RuleBasedStateMachine,
)

from executions import services
from executions.callbacks import Callback
from executions.models import Execution, StepRun
from executions.runs import Claim, Skip
from executions.services.resolving import Action
from tenants import scope
from tenants.principals import Principal
from tenants.roles import Role
from tests import factories
from tests.executions.driving import (
    BROKEN_OFF,
    REFUSED,
    WRONG,
    as_it_is,
    finish,
    new_worker,
    revision,
)
from tests.executions.standing import Decision
from tests.workflows.definitions import step
from workflows.definition import JSON
from workflows.steps.base import Done, ForEach, Result, Wait

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


class Machine(RuleBasedStateMachine):
    """One run, the workers that have steps in hand, and those that are too late."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant = factories.make_tenant()
        self.workers = new_worker()
        self.execution: Execution | None = None
        self.in_hand: list[Claim] = []
        self.on_item_failure = "fail"
        self.zombies: list[Claim] = []  # as they were when they were recorded, or lost

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

    def _answer(self, row: StepRun, decision: Decision) -> None:
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
                    decision=decision,
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
