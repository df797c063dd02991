"""Real worker processes on the session's Postgres, to be killed, stopped and cut off."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from config.local.home import PROJECT
from config.local.processes import Child, Command, Supervisor
from executions.models import Execution, StepRun, Worker
from tenants import scope
from tests import environment
from tests.faults.waiting import wait


@dataclass
class Workers:
    """The worker processes of one test."""

    logs: Path
    environment: Mapping[str, str]
    supervisor: Supervisor = field(default_factory=lambda: Supervisor(lambda line: None))
    children: dict[int, Child] = field(default_factory=dict)

    def start(self) -> Child:
        """Start one more; it is ready once the database knows it."""
        number = len(self.children) + 1
        child = self.supervisor.start(
            Command(
                name=f"worker-{number}",
                argv=(
                    *(sys.executable, "-m", "celery", "--app", "config", "worker"),
                    *("--pool", "threads", "--concurrency", "4", "--queues", "wake"),
                    *("--hostname", f"faults-{number}@%h", "--loglevel", "INFO"),
                    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
                ),
                cwd=PROJECT,
                env=self.environment,
                log=self.logs / f"worker-{number}.log",
            )
        )
        self.children[child.pid] = child
        wait("a worker to enter", lambda: self._entered(child))
        return child

    def _entered(self, child: Child) -> bool:
        assert child.ended() is None, f"the worker ended; see {self.logs}"
        return Worker.objects.filter(name__endswith=f":{child.pid}").exists()

    def holder(self, execution: Execution) -> Child:
        """The process that holds the lease on the running step of this run."""
        with scope.tenant(execution.tenant_id):
            row = StepRun.objects.get(execution=execution, status="running")
        assert row.worker_id is not None
        name = Worker.objects.get(id=row.worker_id).name
        return self.children[int(name.rpartition(":")[2])]

    def send(self, child: Child, number: signal.Signals) -> None:
        assert self.children[child.pid] is child
        os.kill(child.pid, number)


@contextmanager
def workers(logs: Path, *, redis_url: str | None = None) -> Iterator[Workers]:
    """No worker yet; all that are started end with the block."""
    variables = {
        **os.environ,
        **environment.variables(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STEPWELL_EGRESS_ALLOW": "127.0.0.0/8",
        **({"REDIS_URL": redis_url} if redis_url else {}),
    }
    made = Workers(logs, variables)
    try:
        yield made
    finally:
        for child in made.children.values():
            if child.ended() is None:  # one that was stopped cannot end otherwise
                os.kill(child.pid, signal.SIGCONT)
        made.supervisor.stop()
        connection.close()
