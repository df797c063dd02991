"""What size changes: many tenants, a million runs that ended, ten thousand that wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from uuid import UUID

import psycopg
from django.db import connection

from config.local.terminal import phase
from executions.models import Event, StepRun
from tenants import scope
from tests.benchmarks import limits, verify
from tests.benchmarks.measure import Measure
from tests.benchmarks.table import Row
from tests.benchmarks.usage import Meter, Roles
from tests.benchmarks.workloads import delaying, linear50, one_step
from tests.copying import COPY
from tests.factories import make_tenant
from tests.workload import Workload

TENANTS = (1, 10, 100)
RUNS = 100  # of fifty steps, shared by the tenants
FINISHED = 1_000_000
WAITING = 10_000
COPIES = 2_000  # in one statement
REST_SECONDS = 20.0
DELAYED = 50  # runs whose delays end while the others wait
DELAY_SECONDS = 3.0
FINISH_SECONDS = 120.0

# A run of one step that ended yesterday, as it stands in the tables. Written row by row of plain
# values: a copy of a run by jsonb_populate_record takes four times as long.
ENDED = """
WITH run AS (
  INSERT INTO executions_execution
    (id, tenant_id, workflow_id, version_id, status, trigger_kind, trigger, timeout, last_seq,
     active_seconds, created_at, started_at, finished_at)
  SELECT uuidv7(- interval '1 day'), %(tenant)s, %(workflow)s, %(version)s, 'succeeded', 'webhook',
         '{"kind": "webhook", "body": {"order_id": 1}}', 300, 3, 0.01,
         now() - interval '1 day', now() - interval '1 day', now() - interval '1 day'
  FROM generate_series(1, %(count)s) RETURNING id
), step AS (
  INSERT INTO executions_steprun
    (id, tenant_id, execution_id, key, type, status, outcome, timeout, attempt, claims, fence,
     attempts, queued_at, started_at, finished_at)
  SELECT uuidv7(- interval '1 day'), %(tenant)s, id, 's1', 'transform', 'succeeded', 'success', 5,
         1, 1, 1, '[{"attempt": 1, "status": "succeeded", "elapsed_ms": 0.1}]',
         now() - interval '1 day', now() - interval '1 day', now() - interval '1 day'
  FROM run
)
INSERT INTO executions_event (tenant_id, execution_id, seq, kind, step, level, message, at)
SELECT %(tenant)s, run.id, told.seq, told.kind, told.step, 'info', '', now() - interval '1 day'
FROM run CROSS JOIN (VALUES (1, 'execution.created', NULL), (2, 'step.succeeded', 's1'),
                            (3, 'execution.succeeded', NULL)) AS told (seq, kind, step)
"""


def rows(measured: Measure, roles: Callable[[], Roles], chain: Workload) -> Iterator[Row]:
    """The rows of the table; `chain` is the linear-50 that was measured on small tables."""
    with phase("1, 10 and 100 tenants"):
        for count in TENANTS:
            yield _by_tenants(measured, count)
    with phase(f"{WAITING:,} waiting runs"):
        yield _rest(roles)
        yield _late()
    with phase("A step before"):
        before = measured.step_ms(chain)
    with phase(f"{FINISHED:,} finished runs"):
        with scope.tenant(chain.tenant_id):
            tenant = chain.workflow.tenant
        _fill(one_step(tenant, "ended"))
    with phase("A step after"):
        after = measured.step_ms(chain)
    yield Row(
        work=f"linear-50, a step, {FINISHED:,} runs in the tables",
        result=f"{after:.2f} ms",
        limit=f"{before:.2f} ms",
        of_limit=f"x{after / before:.2f}",
        goal="<= x1.20",
    )


def _by_tenants(measured: Measure, count: int) -> Row:
    chains = [linear50(make_tenant()) for _ in range(count)]
    seconds = measured.work_off(chains, RUNS // count)
    steps = RUNS // count * count * chains[0].steps
    return Row(
        work=f"linear-50, steps, backlog of {RUNS} runs of {count} tenants",
        result=f"{steps / seconds:,.0f}/s",
        p50_ms=seconds * 1000 / steps,
    )


def _rest(roles: Callable[[], Roles]) -> Row:
    """CPU of workers and Postgres while nothing is due, beyond what they use without these runs."""
    without = _share_of_core(roles)
    sleeping = delaying(make_tenant(), 3600.0)
    sleeping.pile_up(1)
    [step] = _waiting(sleeping, 1)
    _copy(sleeping.tenant_id, step.execution_id, WAITING - 1)
    limits.analyze(os.environ["DATABASE_OWNER_URL"])
    with_them = _share_of_core(roles)
    return Row(
        work=f"{WAITING:,} runs wait for a time: CPU of one core, beside",
        result=f"{with_them - without:+.1%}",
        limit=f"{without:.1%}",
        goal="<= 5 %",
    )


def _share_of_core(roles: Callable[[], Roles]) -> float:
    with Meter(roles) as meter:
        time.sleep(REST_SECONDS)
    return sum(meter.used[role] for role in ("workers", "Postgres")) / REST_SECONDS


def _late() -> Row:
    """How long after its time a delay ends."""
    waking = delaying(make_tenant(), DELAY_SECONDS)
    waking.pile_up(DELAYED)
    due = {step.execution_id: step.due_at for step in _waiting(waking, DELAYED)}
    verify.wait_finished(waking, FINISH_SECONDS)
    with scope.tenant(waking.tenant_id):
        told = Event.objects.filter(execution_id__in=due, kind="step.started").order_by("seq")
        woken = {event.execution_id: event.at for event in told}
    late = sorted((woken[one] - at).total_seconds() * 1000 for one, at in due.items())
    return Row(
        work=f"delays that end meanwhile, {DELAYED}: late by",
        result=f"max {late[-1]:.0f} ms",
        p50_ms=median(late),
        goal="<= 1,500 ms",
    )


@dataclass(frozen=True)
class _Step:
    """A step that waits for a time."""

    execution_id: UUID
    due_at: datetime


def _waiting(workload: Workload, count: int) -> list[_Step]:
    """The steps of a workload's runs, once so many of them wait. Raises TimeoutError."""
    deadline = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < deadline:
        with scope.tenant(workload.tenant_id):
            found = StepRun.objects.filter(execution__workflow=workload.workflow, status="waiting")
            steps = [_Step(step.execution_id, step.due_at) for step in found if step.due_at]
        if len(steps) == count:
            return steps
        time.sleep(0.05)
    raise TimeoutError(f"{workload.name}: {count} runs were to wait")


def _copy(tenant_id: UUID, execution_id: UUID, count: int) -> None:
    with _tenant(tenant_id) as raw:
        for done in range(0, count, COPIES):
            values = {"original": execution_id, "count": min(COPIES, count - done)}
            raw.execute(COPY, {**values, "shift": f"{done} milliseconds"})


def _fill(workload: Workload) -> None:
    values = {
        "tenant": workload.tenant_id,
        "workflow": workload.workflow.id,
        "version": workload.workflow.current_id,
        "count": COPIES * 5,
    }
    with _tenant(workload.tenant_id) as raw:
        for _ in range(FINISHED // (COPIES * 5)):
            raw.execute(ENDED, values)
    limits.analyze(os.environ["DATABASE_OWNER_URL"])
    connection.close()


def _tenant(tenant_id: UUID) -> psycopg.Connection[tuple[object, ...]]:
    raw = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    raw.execute("SELECT set_config('app.current_tenant_id', %s, false)", [str(tenant_id)])
    return raw
