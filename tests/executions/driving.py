"""Driving runs by hand: claim here, record there, in as many threads as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from executions import services, worker
from executions.models import Event, Execution, StepRun
from executions.runs import Attempt, Claim, Skip
from executions.services.endings import ending_of
from executions.services.writing import write
from tenants import scope
from tenants.models import Tenant
from tests import factories
from workflows.definition import JSON
from workflows.models import WorkflowVersion
from workflows.steps.base import Done, Error, Failed, ForEach, Result

T = TypeVar("T")

POST: JSON = {"method": "POST", "url": "https://x.example/"}
BROKEN_OFF = Failed(Error("broken", "The connection broke.", sent=True))
REFUSED = Failed(Error("connect", "Nobody listens there."))
WRONG = Failed(Error("fail", "It is wrong."))


def started(tenant: Tenant, definition: dict[str, object], body: JSON = None) -> Execution:
    """A new run of a new workflow."""
    return factories.start_execution(factories.make_workflow(tenant, definition), body)


def new_worker(name: str = "test") -> UUID:
    """A worker that lives, as long as the test is quick about it."""
    return services.register(name)


def claimed(worker_id: UUID) -> Claim:
    """The next step, which there must be."""
    claim = services.claim(worker_id)
    assert claim is not None, "nothing could be claimed"
    return claim


def finish(
    claim: Claim,
    worker_id: UUID | None,
    result: Result | Skip | None = None,
    *,
    repeatable: bool = True,
) -> Claim | None:
    """Record a try that ended so, Done without one. Without a worker nobody takes the next."""
    given: JSON = {"items": list(result.items)} if isinstance(result, ForEach) else None
    attempt = Attempt(result or Done(), datetime.now(UTC), 1.0, given, repeatable=repeatable)
    return services.record(claim, attempt, worker_id)


def finish_and_die(claim: Claim, result: Result | Skip) -> None:
    """Record a try; right after the commit the worker dies, so that nothing follows up."""
    attempt = Attempt(result, datetime.now(UTC), 1.0)
    with scope.tenant(claim.run.tenant_id):
        write(scope.prepared(), claim, ending_of(claim, attempt), worker_id=None, by_worker=True)


@contextmanager
def working() -> Iterator[None]:
    """A worker in a thread, woken by nobody: it looks for itself."""
    enough = threading.Event()

    def work() -> None:
        me = services.register("test")
        while not enough.wait(0.01):
            worker.drain(me)
        connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def drained(execution: Execution) -> Execution:
    """The run after a worker did all there was to do, retries without their pauses."""
    worker_id = new_worker()
    while True:
        worker.drain(worker_id)
        if not hurry(execution):
            return fresh(execution)


def hurry(execution: Execution) -> int:
    """Let the retries of a run, and of all others of its tenant, be due now; says how many."""
    with scope.tenant(execution.tenant_id):
        return StepRun.objects.filter(status="retrying").update(due_at=Now())


def let_time_pass(execution: Execution, key: str) -> None:
    """As if the time had come until which this step waits."""
    with scope.tenant(execution.tenant_id):
        rows = StepRun.objects.filter(execution=execution, key=key, status="waiting")
        assert rows.exclude(due_at=None).update(due_at=Now()), f"{key} waits for no time"


def fresh(execution: Execution) -> Execution:
    with scope.tenant(execution.tenant_id):
        execution.refresh_from_db()
    return execution


def step_run(execution: Execution, key: str) -> StepRun:
    with scope.tenant(execution.tenant_id):
        return StepRun.objects.get(execution=execution, key=key)


def output_of(execution: Execution, key: str) -> Any:
    """What the step brought; there must be something."""
    row = step_run(execution, key)
    assert row.output is not None, f"{key} is {row.status}: {row.error}"
    return row.output


def error_of(execution: Execution) -> Any:
    """Why the run did not succeed; there must be a reason."""
    assert fresh(execution).error is not None, execution.status
    return execution.error


def statuses(execution: Execution) -> dict[str, str]:
    """Of the steps that have left pending."""
    with scope.tenant(execution.tenant_id):
        return dict(StepRun.objects.filter(execution=execution).values_list("key", "status"))


def events(execution: Execution) -> list[Event]:
    with scope.tenant(execution.tenant_id):
        return list(Event.objects.filter(execution=execution).order_by("seq"))


def kinds(execution: Execution, step: str | None = None) -> list[str]:
    """What happened, in order; to one step if given."""
    return [event.kind for event in events(execution) if step in (None, event.step)]


def expire_lease(claim: Claim) -> None:
    """As if the step's time and margin had passed."""
    with scope.tenant(claim.run.tenant_id):
        StepRun.objects.filter(id=claim.step_id).update(lease_until=Now() - timedelta(seconds=1))


def make_unreadable(execution: Execution) -> None:
    """Give the run a version whose definition this release cannot read."""
    with scope.tenant(execution.tenant_id):
        version = WorkflowVersion.objects.create(
            tenant_id=execution.tenant_id,
            workflow_id=execution.workflow_id,
            number=99,
            definition={"schema": 99},
            digest="unreadable",
        )
        Execution.objects.filter(id=execution.id).update(version=version)


def revision(claim: Claim) -> int:
    """The number of the newest event of the claim's run."""
    with scope.tenant(claim.run.tenant_id):
        return Execution.objects.values_list("last_seq", flat=True).get(id=claim.run.execution_id)


def as_it_is(claim: Claim) -> Claim:
    """The claim with a run of its own, as another worker would hold it."""
    run = replace(claim.run, states=dict(claim.run.states), facts=dict(claim.run.facts))
    return replace(claim, run=run)


def in_threads(count: int, act: Callable[[int], T]) -> list[T]:
    """Run `act(0)` ... `act(count - 1)` at once, each with a connection of its own."""
    barrier = Barrier(count, timeout=30)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            barrier.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
