"""Worker processes that are killed, frozen, and asked to leave in the middle of their work."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.bad_servers import answer, serving
from tests.executions import invariants
from tests.executions.driving import fresh, started, statuses, step_run
from tests.faults.processes import Workers, workers
from tests.faults.waiting import wait
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")

Note = Callable[[str, object], None]


@pytest.fixture
def crew(committed_db: None, tmp_path: Path) -> Iterator[Workers]:
    with workers(tmp_path) as made:
        yield made


class Gate:
    """A server that keeps its first caller waiting until it is opened, and answers all others."""

    def __init__(self) -> None:
        self.opened = Event()
        self.calls = 0

    def __call__(self, sock: Any, request: bytes) -> None:
        self.calls += 1
        if self.calls == 1:
            self.opened.wait(60)
        answer()(sock, request)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()  # the caller that is still held back may have been killed


def slow_run(url: str, method: str = "GET") -> Execution:
    call = {"method": method, "url": url}
    slow = step("slow", "before", kind="http", config=call)
    return started(factories.make_tenant(), document(step("before"), slow, step("after", "slow")))


def has_ended(execution: Execution) -> bool:
    return fresh(execution).status in invariants.ENDS


def test_a_run_survives_kill_9_of_the_process_that_holds_its_lease(
    crew: Workers, gate: Gate, record_property: Note
) -> None:
    crew.start()
    crew.start()
    with serving(gate) as server:
        execution = slow_run(server.url())
        wait("the call", lambda: gate.calls == 1)
        crew.send(crew.holder(execution), signal.SIGKILL)
        seconds = wait("the run's end", lambda: has_ended(execution))
    record_property("finished after kill -9 of its worker", f"{seconds:.1f} s")
    assert invariants.check_ended(execution.id) == "succeeded"
    assert gate.calls == 2
    assert [each["status"] for each in step_run(execution, "slow").attempts] == [
        *("queued", "succeeded"),
    ]


def test_a_post_in_the_hands_of_a_killed_worker_is_not_made_again(
    crew: Workers, gate: Gate
) -> None:
    crew.start()
    crew.start()
    with serving(gate) as server:
        execution = slow_run(server.url(), "POST")
        wait("the call", lambda: gate.calls == 1)
        crew.send(crew.holder(execution), signal.SIGKILL)
        wait("the step to park", lambda: statuses(execution)["slow"] == "unknown")
    assert gate.calls == 1
    assert fresh(execution).status == "waiting"
    assert step_run(execution, "slow").input == {"method": "POST", "url": server.url()}
    invariants.check(execution.id)


def test_a_worker_that_was_frozen_finds_its_step_taken(crew: Workers, gate: Gate) -> None:
    crew.start()
    crew.start()
    with serving(gate) as server:
        execution = slow_run(server.url())
        wait("the call", lambda: gate.calls == 1)
        zombie = crew.holder(execution)
        crew.send(zombie, signal.SIGSTOP)
        wait("the run's end", lambda: has_ended(execution))
        before = fresh(execution).last_seq
        gate.opened.set()
        crew.send(zombie, signal.SIGCONT)
        later = slow_run(server.url())
        wait("another run's end", lambda: has_ended(later))
    assert fresh(execution).last_seq == before
    assert invariants.check_ended(execution.id) == "succeeded"
    assert step_run(execution, "slow").claims == 2


def test_a_worker_leaves_under_load_and_drops_nothing(crew: Workers) -> None:
    keys = [f"s{n}" for n in range(20)]
    chain = document(step(keys[0]), *(step(key, before) for before, key in pairwise(keys)))
    workflow = factories.make_workflow(factories.make_tenant(), chain)
    runs = [factories.start_execution(workflow) for _ in range(150)]
    leaver = crew.start()
    wait("a first run to end", lambda: any(map(has_ended, runs)))
    crew.send(leaver, signal.SIGTERM)
    wait("the worker to leave", lambda: leaver.ended() is not None)
    assert leaver.ended() == 0
    with scope.tenant(workflow.tenant_id):
        left = Execution.objects.exclude(status="succeeded").count()
    assert left > 0, "it left only when there was nothing more to do"
    for execution in runs:
        assert invariants.check(execution.id) in ("queued", "running", "succeeded")
        assert "running" not in statuses(execution).values(), "it left with a step in hand"
    crew.start()
    wait("all runs to end", lambda: all(map(has_ended, runs)), patience=60)
    for execution in runs:
        assert invariants.check_ended(execution.id) == "succeeded"
        with scope.tenant(execution.tenant_id):
            assert set(execution.step_runs.values_list("claims", flat=True)) == {1}
