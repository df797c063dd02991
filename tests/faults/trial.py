"""One fault being tried: its tenants and workflows, what it promised, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from executions.invariants import violations
from tenants.models import Tenant
from tests.factories import make_tenant
from tests.faults import invariants, receiver
from tests.faults.invariants import Verdict
from tests.faults.receiver import Call
from tests.faults.senders import Senders
from tests.faults.system import Lease, System
from tests.faults.waiting import wait
from tests.faults.workflows import Receiver
from tests.workload import Workload, workload

T = TypeVar("T")

SETTLE_SECONDS = 240.0  # T of I1: a lease of a live worker, five times over
# When a step that was in a worker's hands went on, if it did.
WENT_ON = """
SELECT extract(epoch FROM min(at))::float8 FROM executions_event
WHERE execution_id = %s AND step = %s AND at > to_timestamp(%s) AND kind <> 'step.queued'
"""
DWELLED = """
SELECT extract(epoch FROM min(v.at) - e.created_at)::float8
FROM executions_execution e
JOIN executions_event v ON v.execution_id = e.id AND v.kind = 'step.started'
WHERE e.id = ANY(%s) GROUP BY e.id
"""


@dataclass
class Loss:
    """A step that a process held when something was done to it."""

    at: float  # seconds since the epoch
    lease: Lease


@dataclass
class Trial:
    """What a fault's function works with."""

    name: str
    system: System
    rng: Random
    quick: bool
    # How runs may end: as they should, or because a step's worker was lost too often.
    endings: set[str] = field(
        default_factory=lambda: {"succeeded", "waiting", "failed: poison"}, init=False
    )
    rounds: int = 0
    recoveries: list[float] = field(default_factory=list)  # seconds
    notes: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    tenants: list[Tenant] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    _workloads: list[Workload] = field(default_factory=list)
    _senders: list[Senders] = field(default_factory=list)
    _losses: list[Loss] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.system.ports.target)
        self._offset = self.system.calls.stat().st_size

    def size(self, quick: T, full: T) -> T:
        """How many, or how long: in the short form and in the long one."""
        return quick if self.quick else full

    def workload(self, name: str, steps: Sequence[Mapping[str, Any]], **more: Any) -> Workload:
        """A workflow of a tenant of its own."""
        tenant = make_tenant(f"{self.name}-{name}".lower().replace(" ", "-"))
        self.tenants.append(tenant)
        made = workload(tenant, name.lower().replace(" ", "-"), steps, **more)
        self._workloads.append(made)
        return made

    def sending(self, made: Workload, **how: Any) -> AbstractContextManager[Senders]:
        """Webhooks to a workflow, until the block ends."""
        senders = Senders(self.system.ports.web, made, **how)
        self._senders.append(senders)
        return senders

    def lose(self, leases: Iterable[Lease]) -> None:
        """Remember what was in a process's hands just now, to see when it goes on."""
        self._losses += [Loss(time.time(), lease) for lease in leases]

    def settle(self, patience: float = SETTLE_SECONDS) -> float:
        """Wait until there is nothing left to do; returns the seconds that it took."""
        tenants = {"tenants": [tenant.id for tenant in self.tenants]}
        with self.system.superuser() as db:

            def is_settled() -> bool:
                return db.execute(invariants.UNSETTLED, tenants).fetchone() is None

            try:
                return wait("all runs to end", is_settled, patience)
            except TimeoutError:
                return patience  # I1 will say so

    def judge(self) -> None:
        """Settle, and check the invariants of all that was done."""
        self.settle()
        self.verdict = self.check()
        self.flaws += self.verdict.flaws
        self.flaws += self._doctor_says()
        for status, count in self.verdict.statuses.items():
            if status not in self.endings:
                self.flaws.append(f"{count} runs ended as {status}")
        for senders in self._senders:
            self.flaws += senders.flaws()
        with self.system.superuser() as db:
            for loss in self._losses:
                values = (loss.lease.execution, loss.lease.step, loss.at)
                row = db.execute(WENT_ON, values).fetchone()
                if row and row[0] is not None:
                    self.recoveries.append(float(str(row[0])) - loss.at)

    def _doctor_says(self) -> list[str]:
        """What the product's own invariants find in the runs of the trial."""
        tenants = {tenant.id for tenant in self.tenants}
        return [
            f"doctor: {found.name} in {found.execution_id} {found.step or ''}: {found.message}"
            for found in violations(everything=True)
            if found.tenant_id is None or found.tenant_id in tenants
        ]

    def check(self, *only: UUID) -> Verdict:
        """The invariants of the runs of all tenants of the trial, or of these only."""
        tenants = only or tuple(tenant.id for tenant in self.tenants)
        by_hand = [made for made in self._workloads if made.tenant_id in tenants]
        by_web = [each for each in self._senders if each.workload.tenant_id in tenants]
        promised = [ident for made in by_hand for ident in made.accepted]
        promised += [ident for senders in by_web for ident in senders.executions]
        with self.system.superuser() as db:
            return invariants.check(db, tenants=tenants, promised=promised, calls=self.calls())

    def calls(self) -> list[Call]:
        """What the receiver got since the trial began."""
        return receiver.read(self.system.calls, self._offset)

    def dwelled(self, executions: Collection[UUID]) -> list[float]:
        """Seconds from each one's acceptance to the start of its first step."""
        with self.system.superuser() as db:
            rows = db.execute(DWELLED, [list(executions)]).fetchall()
        return [float(str(row[0])) for row in rows]
