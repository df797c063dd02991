"""A million events: how long it takes to forget them, and how long anybody could have to wait."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
from django.db import connection
from psycopg import sql

from config.local import account, home, orphans
from config.local.postgres import Postgres
from config.local.terminal import phase, say
from executions import invariants, services, worker
from executions.models import Execution
from executions.services import retention
from tenants import scope
from tenants.scope import Prepared
from tests import factories
from tests.benchmarks.limits import ANALYZED, analyze, fsync_ms
from tests.benchmarks.usage import Meter, Roles
from tests.copying import COPY
from tests.workflows.definitions import document, step

EVENTS = 1_000_000
OLD, YOUNG = timedelta(days=31), timedelta(days=1)
COPIES = 2_000  # in one statement of the seeding
TENANTS = 10

NOTES = """\
Runs of five steps and ten tenants, ended 31 days ago, a fifth as many a day ago; all in one
Postgres with fsync on, while nothing else runs. A transaction is one batch, its commit included:
nothing is locked for longer. A pass that finds nothing walks over what is deleted and not yet
vacuumed."""


class Watched:
    """Retention's batch of runs, and when each of its transactions began."""

    def __init__(self) -> None:
        self.begun: list[float] = []

    def __call__(self, db: Prepared, after: UUID) -> tuple[UUID | None, Counter[str]]:
        self.begun.append(time.monotonic())
        return retention.forget_batch(db, after)


def main() -> int:
    """The exit status: 1 when other runs were forgotten than should have been."""
    with phase("Seeding a million events"):
        runs = [_run() for _ in range(TENANTS)]
        old = EVENTS // runs[0].last_seq // TENANTS
        for run in runs:
            _copy(run, old, OLD)
            _copy(run, old // 5, YOUNG)
        analyze(os.environ["DATABASE_OWNER_URL"])
    before = _sizes()
    with phase("Looking for broken invariants"):
        recent, everything = _timed_look(everything=False), _timed_look(everything=True)
    with phase("Forgetting"):
        gone, watched, cpu = _forget()
        idle = _timed_pass()
    after = _sizes()
    with phase("Vacuuming"):
        _vacuum()
    _print(before, after, _sizes())
    _tell(gone, watched, cpu)
    say(f"a pass that finds nothing, before the vacuum: {idle * 1000:.0f} ms")
    say(f"doctor: {recent:.2f} s; doctor --all, of {sum(before.values())} MB: {everything:.1f} s")
    say(NOTES)
    return 0 if gone["executions"] == old * TENANTS else 1


def _run() -> Execution:
    steps = [step("s0", kind="transform")]
    steps += [step(f"s{n}", f"s{n - 1}", kind="transform") for n in range(1, 5)]
    run = factories.start_execution(
        factories.make_workflow(factories.make_tenant(), document(*steps))
    )
    worker.drain(services.register("benchmark"))
    with scope.tenant(run.tenant_id):
        run.refresh_from_db()
    return run


def _copy(run: Execution, count: int, age: timedelta) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        raw.execute("SELECT set_config('app.current_tenant_id', %s, false)", [str(run.tenant_id)])
        for done in range(0, count, COPIES):
            some = min(COPIES, count - done)
            shift = timedelta(milliseconds=done) - age
            raw.execute(COPY, {"original": run.id, "count": some, "shift": shift})


def _forget() -> tuple[Counter[str], Watched, float]:
    """What is gone, when, and the CPU seconds that Postgres used."""
    watched = Watched()
    with Meter(_postgres) as meter:
        gone = services.in_batches(watched, EVENTS)
    watched.begun.append(time.monotonic())
    return gone, watched, meter.per(1)["Postgres"] / 1000


def _timed_pass() -> float:
    begun = time.monotonic()
    services.forget_runs(EVENTS)
    return time.monotonic() - begun


def _timed_look(*, everything: bool) -> float:
    begun = time.monotonic()
    broken = invariants.violations(everything=everything)
    assert not broken, broken[0]
    return time.monotonic() - begun


def _place() -> home.Home:
    return home.create(Path(os.environ["STEPWELL_HOME"]), account.for_postgres())


def _postgres() -> Roles:
    return {"Postgres": orphans.servers_in(Postgres.of(_place()).data, "postgres")}


def _sizes() -> dict[str, int]:
    """Megabytes of each table with its indexes and what is stored beside it."""
    with connection.cursor() as cursor:
        sizes = {}
        for name in ANALYZED:
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [name])
            sizes[name] = int(cursor.fetchone()[0]) >> 20
    return sizes


def _vacuum() -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as raw:
        for name in ANALYZED:
            raw.execute(sql.SQL("VACUUM {}").format(sql.Identifier(name)))


def _print(before: dict[str, int], after: dict[str, int], vacuumed: dict[str, int]) -> None:
    say()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    fsync = fsync_ms(_place().postgres)
    say(
        f"{os.cpu_count()} CPUs ({platform.machine()}), {memory} GB, "
        f"Python {platform.python_version()}; fdatasync of 8 KiB: {fsync:.2f} ms"
    )
    say(f"{'MB':<24}{'before':>10}{'after':>10}{'vacuumed':>10}")
    for name in ANALYZED:
        say(f"{name:<24}{before[name]:>10}{after[name]:>10}{vacuumed[name]:>10}")


def _tell(gone: Counter[str], watched: Watched, cpu: float) -> None:
    begun = watched.begun
    each = sorted(later - earlier for earlier, later in pairwise(begun))
    seconds, rows = begun[-1] - begun[0], sum(gone.values())
    say(", ".join(f"{count:,} {kind}" for kind, count in gone.items()))
    say(f"{seconds:.1f} s, {rows / seconds:,.0f} rows/s; {cpu:.1f} s of CPU in Postgres")
    say(
        f"{len(each):,} transactions: p50 {each[len(each) // 2] * 1000:.1f} ms, "
        f"longest {each[-1] * 1000:.1f} ms"
    )
