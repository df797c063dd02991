"""Valkey goes away, or hangs, while runs are started: none is refused, none is late for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from config.local.home import PROJECT
from config.local.processes import Child, Supervisor
from config.local.valkey import Valkey
from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import invariants
from tests.faults.processes import Workers, workers
from tests.faults.waiting import wait
from tests.workflows.definitions import document, step
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

RUNS = 50


class Broker:
    """A Valkey of the test's own, since the session's is shared."""

    def __init__(self, place: Path) -> None:
        self.valkey = Valkey(place / "data", place / "s", place / "log")
        self._supervisor = Supervisor(lambda line: None)
        self._child: Child | None = None

    def start(self) -> None:
        self._child = self._supervisor.start(self.valkey.command())
        self.valkey.wait_ready(self._child)

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        assert self._child is not None
        self._child.stop()

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        if self._child is not None and self._child.ended() is None:
            self.thaw()
        self._supervisor.stop()

    def waiting(self) -> int:
        """Wake-ups in the queue."""
        with redis.Redis.from_url(self.valkey.url()) as client:
            return int(str(client.llen("wake")))

    def _send(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, number)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="stepwell-") as place:
        made = Broker(Path(place))
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def crew(committed_db: None, broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    with workers(tmp_path, redis_url=broker.valkey.url()) as made:
        yield made


@pytest.fixture
def workflow(committed_db: None) -> Workflow:
    return factories.make_workflow(factories.make_tenant(), document(step("a"), step("b", "a")))


def start_runs(crew: Workers, workflow: Workflow, count: int = RUNS) -> None:
    """All are accepted, by a process that knows the same Valkey as the workers."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.start_runs"),
            *(str(workflow.tenant_id), str(workflow.id), str(count)),
        ],
        cwd=PROJECT,
        env=dict(crew.environment),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == [str(count)], done.stderr[-2000:]


def succeeded(workflow: Workflow) -> int:
    with scope.tenant(workflow.tenant_id):
        return Execution.objects.filter(workflow=workflow, status="succeeded").count()


def check_all(workflow: Workflow, count: int) -> None:
    with scope.tenant(workflow.tenant_id):
        ids = list(Execution.objects.filter(workflow=workflow).values_list("id", flat=True))
    assert len(ids) == count
    for execution_id in ids:
        assert invariants.check_ended(execution_id) == "succeeded"


@pytest.mark.parametrize("how", ["gone", "hanging"])
def test_runs_are_accepted_and_finish_while_valkey_is_away(
    crew: Workers,
    broker: Broker,
    workflow: Workflow,
    how: str,
    record_property: Callable[[str, object], None],
) -> None:
    crew.start()
    away, back = {
        "gone": (broker.kill, broker.start),
        "hanging": (broker.freeze, broker.thaw),
    }[how]
    start_runs(crew, workflow, 1)
    wait("a run with Valkey", lambda: succeeded(workflow) == 1)
    away()
    start_runs(crew, workflow)
    seconds = wait("runs without Valkey", lambda: succeeded(workflow) == 1 + RUNS)
    record_property(f"{RUNS} runs, Valkey {how}", f"{seconds:.1f} s after the last start")
    back()
    start_runs(crew, workflow, 1)
    wait("a run with Valkey again", lambda: succeeded(workflow) == 2 + RUNS)
    # Celery comes back when it likes; until then the sweeper works.
    wait("the wake-ups to be taken", lambda: broker.waiting() == 0, patience=90)
    check_all(workflow, 2 + RUNS)


def test_a_worker_that_starts_while_valkey_is_away_works(
    crew: Workers, broker: Broker, workflow: Workflow
) -> None:
    broker.kill()
    start_runs(crew, workflow, 3)
    crew.start()
    wait("runs without Valkey", lambda: succeeded(workflow) == 3)
    check_all(workflow, 3)


def test_an_emptied_valkey_loses_nothing(crew: Workers, broker: Broker, workflow: Workflow) -> None:
    start_runs(crew, workflow, 10)
    with redis.Redis.from_url(broker.valkey.url()) as client:
        client.flushall()
    crew.start()
    wait("the runs", lambda: succeeded(workflow) == 10)
    check_all(workflow, 10)


def test_wake_ups_for_nothing_do_nothing(crew: Workers, broker: Broker, workflow: Workflow) -> None:
    """Doubled and late messages: a worker that finds nothing goes back to sleep."""
    start_runs(crew, workflow, 2)
    with redis.Redis.from_url(broker.valkey.url()) as client:
        messages = client.lrange("wake", 0, -1)
        assert messages
        client.rpush("wake", *(messages * 50))
    crew.start()
    wait("the runs", lambda: succeeded(workflow) == 2)
    wait("the wake-ups to be taken", lambda: broker.waiting() == 0)
    check_all(workflow, 2)
