"""F9 to F11, F19 and F21: Postgres crashes, cuts off, answers late, and is held up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection

from config.local import roles
from config.local.processes import Child
from executions import services
from tests.executions.driving import finish
from tests.faults import workflows
from tests.faults.trial import Trial
from tests.faults.waiting import wait
from tests.tables import percentile
from tests.workload import Workload

SOCKET = ".s.PGSQL.5432"
FIRST_MOVE = """
SELECT extract(epoch FROM min(at))::float8 FROM executions_event WHERE at > to_timestamp(%s)
"""
SESSIONS = """
SELECT pid FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid() ORDER BY pid
"""
LOST_ANSWERS = 0.01  # of all to COMMIT


def crashed(trial: Trial) -> None:
    """F9: `restart -m immediate` again and again, under load."""
    work = trial.workload("a", workflows.order(trial.receiver))
    ends = time.monotonic() + trial.size(12.0, 300.0)
    with trial.sending(work, clients=2, pause=0.2) as senders:
        while time.monotonic() < ends:
            time.sleep(trial.rng.uniform(*trial.size((3.0, 6.0), (5.0, 40.0))))
            trial.system.crash_postgres()
            time.sleep(trial.rng.uniform(0.0, 2.0))
            trial.system.start_postgres()
            trial.recoveries.append(_until_moved(trial))
            trial.rounds += 1
    trial.notes.append(senders.summary())


def _until_moved(trial: Trial) -> float:
    """Seconds until any run moves."""
    now = time.time()
    wait("a run to move", lambda: trial.system.scalar(FIRST_MOVE, [now]) is not None)
    return float(str(trial.system.scalar(FIRST_MOVE, [now]))) - now


def cut_off(trial: Trial) -> None:
    """F10: pg_terminate_backend of sessions of web and workers, at random."""
    work = trial.workload("a", workflows.order(trial.receiver))
    ends = time.monotonic() + trial.size(4.0, 60.0)
    with trial.sending(work, clients=2, pause=0.2) as senders, trial.system.superuser() as db:
        while time.monotonic() < ends:
            pids = [row[0] for row in db.execute(SESSIONS, [roles.APP])]
            for pid in trial.rng.sample(pids, min(2, len(pids))):
                db.execute("SELECT pg_terminate_backend(%s)", [pid])
                trial.rounds += 1
            time.sleep(trial.rng.uniform(0.2, 1.0))
    trial.notes.append(senders.summary())
    _note_lost_leases(trial)


def unanswered(trial: Trial) -> None:
    """F11: the answer to a COMMIT is lost, so nobody knows whether it happened. It did."""
    work = trial.workload("a", workflows.order(trial.receiver))
    with _proxied(trial) as lost:
        with trial.sending(work, clients=2, pause=0.2) as senders:
            wait("answers to be lost", lambda: _size(lost) >= trial.size(4, 100), 300.0)
        trial.settle()
        trial.rounds = _size(lost)
    trial.notes.append(f"{trial.rounds} commits were not answered; {senders.summary()}")
    _note_lost_leases(trial)


@contextmanager
def _proxied(trial: Trial) -> Iterator[Path]:
    """Workers behind a proxy that loses answers; yields the file with a byte for each.

    In the long form web is too.
    """
    system, place = trial.system, trial.system.place.sockets / "proxy"
    place.mkdir(exist_ok=True)
    lost = place / "lost"
    lost.touch()
    seed = str(trial.rng.random())
    server = str(system.postgres.sockets / SOCKET)
    command = system.python(
        "proxy",
        {},
        *("tests.faults.proxy", str(place / SOCKET), server, str(LOST_ANSWERS), seed, str(lost)),
    )
    system.stop_workers()
    proxy = Child(command)
    try:
        wait("the proxy", (place / SOCKET).exists)
        if not trial.quick:
            system.restart_web(DATABASE_URL=system.url_by(place))
        system.start_workers(DATABASE_URL=system.url_by(place))
        yield lost
    finally:
        system.stop_workers()
        if not trial.quick:
            system.restart_web()
        system.start_workers()
        proxy.stop()


def _size(file: Path) -> int:
    return file.stat().st_size


def timed_out(trial: Trial) -> None:
    """F19: statements that end at their time limit, because somebody holds the tables locked."""
    work = trial.workload("a", workflows.order(trial.receiver))
    trial.rounds = trial.size(1, 5)
    with _impatient(trial), trial.sending(work, clients=2, pause=0.1) as senders:
        for number in range(trial.rounds):
            time.sleep(1.0)
            with trial.system.superuser() as db, db.transaction():
                mode = "EXCLUSIVE" if number % 2 else "ACCESS EXCLUSIVE"
                db.execute(f"LOCK TABLE executions_execution IN {mode} MODE".encode())
                time.sleep(trial.rng.uniform(1.0, 3.0))
        time.sleep(1.0)
    trial.notes.append(senders.summary())
    _note_lost_leases(trial)


@contextmanager
def _impatient(trial: Trial) -> Iterator[None]:
    """Sessions of the app wait half a second for a lock, and a second for a statement."""
    role = f"ALTER ROLE {roles.APP} IN DATABASE {roles.DATABASE}"
    with trial.system.superuser() as db:
        db.execute(f"{role} SET lock_timeout = '500ms'".encode())
        db.execute(f"{role} SET statement_timeout = '1s'".encode())
        _reconnect(db)
        try:
            yield
        finally:
            db.execute(f"{role} RESET ALL".encode())
            _reconnect(db)


def _reconnect(db: psycopg.Connection[tuple[object, ...]]) -> None:
    """New settings are for new sessions."""
    connection.close()
    for (pid,) in db.execute(SESSIONS, [roles.APP]).fetchall():
        db.execute("SELECT pg_terminate_backend(%s)", [pid])


def held_up(trial: Trial) -> None:
    """F21: many claims while an old transaction keeps dead rows from being removed; and without.

    Ours is the only worker, so that what is timed is a claim and nothing else.
    """
    count = trial.size(200, 2000)
    trial.system.stop_workers()
    try:
        before = _claim_all(trial.workload("before", workflows.quick()), count)
        with trial.system.superuser() as db:
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            db.execute("SELECT count(*) FROM executions_steprun")
            during = _claim_all(trial.workload("during", workflows.quick()), count)
    finally:
        trial.system.start_workers()
    trial.rounds, trial.recoveries = len(during), during
    figures = [f"{1000 * percentile(before, share):.2f} ms" for share in (0.5, 0.99)]
    trial.notes.append(f"a claim before the transaction, p50 and p99: {', '.join(figures)}")


def _claim_all(work: Workload, count: int) -> list[float]:
    """Run so many runs here, claiming each step; returns the seconds of each claim."""
    work.pile_up(count)
    worker, seconds = services.register("faults:0"), []
    while True:
        started = time.perf_counter()
        claim = services.claim(worker)
        seconds.append(time.perf_counter() - started)
        if claim is None:
            services.unregister(worker)
            return seconds[:-1]
        finish(claim, None)


def _note_lost_leases(trial: Trial) -> None:
    trial.settle()
    stood = trial.check().stood_still
    trial.recoveries += stood
    trial.notes.append(f"{len(stood)} leases were lost")
