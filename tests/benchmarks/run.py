"""One run: seed, limits, the system's own figures, the counts, one table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import median

from django.db import connection

from config.local import interrupts
from config.local.terminal import complain, phase, say
from tests.benchmarks import limits, retention, scale, table, verify, workloads
from tests.benchmarks.limits import Limit, PgbenchError
from tests.benchmarks.load import BrokenAnswerError, Client, drive
from tests.benchmarks.measure import THREADS, Effort, Limits, Measure, WrongAnswerError
from tests.benchmarks.system import System
from tests.benchmarks.table import Row
from tests.benchmarks.usage import Figures, MemoryWatch, pss_mb
from tests.benchmarks.workloads import Workloads
from tests.production import DeadProcessError

QUICK = Effort(seconds=1, rounds=24, backlog5=200, backlog50=40)
FULL = Effort(seconds=4, rounds=100, backlog5=1500, backlog50=250)
ACCEPTING = (1, 16, 64)  # clients
REST_SECONDS = 3.0
BROKEN = (TimeoutError, PgbenchError, DeadProcessError, BrokenAnswerError, WrongAnswerError)
CALLS = 200  # of the target, to know its price

NOTES = """\
Processes: gunicorn as docker/gunicorn.conf.py has it (2 of 4 threads), daphne for sockets, two
  workers of 16 threads, beat; Postgres with fsync on. All on this machine, the load included.
accept: webhooks of 1 kB, all different, signed by Standard Webhooks, answered 202 after commit.
  Their workflow has one step, and the workers run it meanwhile; the CPU columns hold both.
one at a time: from a webhook's first byte until a subscriber hears that its execution has ended.
backlog: from the moment at which all executions are there until the last has ended.
limit here: the better of two runs of pgbench, plain prepared statements in one pipeline, the same
  rows in the same tables under row-level security; an accept, or a step's transition, with as many
  clients (32 threads). "disturbed": better than its limit, so the limit was measured badly.
  A linear-5 alone: one accept, five transitions, two plain calls.
Tables are analyzed after the warm-up, as autovacuum does within a minute of use.
tenants: from the storing of the first run to the end of the last. waiting: ten thousand copies of a
  run that waits for an hour; the CPU is that of workers and Postgres, beyond what they use without
  them ("limit here"). In the last row that is the same figure before the tables were filled.
memory: proportional set size of all processes, the HTTP target left out.
web, workers, Postgres: milliseconds of CPU (user and system) for one operation."""


def main() -> int:
    """The exit status: 1 when a count does not match or the run breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--quick", action="store_true", help="small counts, for development")
    choice.add_argument(
        "--retention", action="store_true", help="forget a million events, and nothing else"
    )
    given = parser.parse_args()
    effort = QUICK if given.quick else FULL
    interrupts.raise_on_signals()
    if given.retention:
        return retention.main()
    try:
        with closing(System()) as system:
            flaws = _run(system, effort)
    except KeyboardInterrupt:
        return 130
    except BROKEN as error:
        say()
        flaws = [f"The run broke: {error}"]
    for flaw in flaws:
        complain(flaw)
    return 1 if flaws else 0


def _run(system: System, effort: Effort) -> list[str]:
    """What the database says otherwise than was promised."""
    with phase("Seeding"):
        made = workloads.make(system.ports.target)
    with phase("Memory at rest"):  # before pgbench has filled that of Postgres
        system.start()
        at_rest = _memory_at_rest(system)
        system.stop()
    with phase("Limit: fsync"):
        fsync_ms = limits.fsync_ms(system.place.postgres)
    with phase("Limit: pgbench"):
        accept, transition = _pgbench(system, made, effort.seconds)
    with phase("Starting the production processes"):
        system.start()
    call_ms = _call_ms(system.ports.target)
    measured = Measure(system, effort, Limits(accept, transition, call_ms))
    with MemoryWatch(system.roles) as watch:
        rows = list(_rows(measured, made))
    system.check()
    after = _memory_at_rest(system)
    if effort is FULL:
        rows += scale.rows(measured, system.roles, made.linear50)
    flaws = _flaws(system, made)
    _print(
        [
            *rows,
            _memory("memory at rest, just started", at_rest, "<= 500 MB"),
            _memory("memory at rest, after all this", after, "<= 500 MB"),
            _memory("memory under load, at most", watch.largest),
        ]
    )
    for when, by_role in {"started": at_rest, "after": after, "at most": watch.largest}.items():
        say(f"PSS in MB, {when}: {_by_role(by_role)}")
    say(f"fdatasync of 8 KiB: {fsync_ms:.2f} ms; a plain call of the HTTP target: {call_ms:.2f} ms")
    say(f"CPU of Postgres under pgbench, ms: {_used(accept[16])} an accept, ", end="")
    say(f"{_used(transition[THREADS])} a transition")
    say(f"The load generator used at most {measured.generator_share:.0%} of one CPU.")
    say(_counts(made) if not flaws else "THE COUNTS DO NOT MATCH:")
    return flaws


def _flaws(system: System, made: Workloads) -> list[str]:
    with phase("Comparing the counts with the database"):
        flaws = [flaw for workload in made.all for flaw in verify.mismatches(workload)]
        return flaws + _calls(system.ports.target, made)


def _pgbench(
    system: System, made: Workloads, seconds: int
) -> tuple[dict[int, Limit], dict[int, Limit]]:
    half = max(1, seconds // limits.ATTEMPTS)
    connection.close()  # only a database that nobody uses can be copied
    with limits.copied_database(made.one, system.roles) as bench:
        return (
            {clients: bench.run("accept", clients, half) for clients in ACCEPTING},
            {clients: bench.run("transition", clients, half) for clients in (1, THREADS)},
        )


def _rows(measured: Measure, made: Workloads) -> Iterator[Row]:
    with phase("Warming up"):
        measured.warm_up(made.one)
        limits.analyze(os.environ["DATABASE_OWNER_URL"])
        measured.warm_up(made.one)
    for clients in ACCEPTING:
        with phase(f"Accept, {clients} clients"):
            yield measured.accept(made.one, clients)
    with phase("Accept, a connection each"):
        yield measured.accept(made.one, 16, keep_alive=False)
    with phase("linear-5"):
        yield from measured.linear5(made.linear5)
    with phase("linear-50"):
        yield from measured.linear50(made.linear50)
    with phase("fan-out"):
        yield measured.fan_out(made.fan_out)


def _call_ms(port: int) -> float:
    request = b"GET /order HTTP/1.1\r\nHost: target\r\n\r\n"
    calls = drive(port, [request] * CALLS, clients=1, seconds=10.0, keep_alive=False)
    return median(calls.latencies) * 1000


def _calls(port: int, made: Workloads) -> list[str]:
    """Whether the POST of each linear-5 came exactly once."""
    with closing(Client(port, keep_alive=True)) as client:
        answer = client.ask(b"GET /counts HTTP/1.1\r\nHost: target\r\n\r\n")
    counts = json.loads(answer.partition(b"\r\n\r\n")[2])
    expected = len(made.linear5.accepted)
    if counts == {"posts": expected, "keys": expected}:
        return []
    return [f"linear-5: the target got {counts}, {expected} different POSTs were expected"]


def _memory_at_rest(system: System) -> Figures:
    time.sleep(REST_SECONDS)
    return pss_mb(system.roles())


def _memory(work: str, by_role: Figures, goal: str = "") -> Row:
    ours = sum(megabytes for role, megabytes in by_role.items() if role != "target")
    return Row(work, f"{ours:.0f} MB", goal=goal)


def _used(limit: Limit) -> str:
    return f"{limit.cpu_ms['Postgres']:.2f}"


def _by_role(figures: Figures) -> str:
    return ", ".join(f"{role} {megabytes:.0f}" for role, megabytes in figures.items())


def _counts(made: Workloads) -> str:
    executions = sum(len(workload.accepted) for workload in made.all)
    steps = sum(len(workload.accepted) * workload.steps for workload in made.all)
    return (
        f"Checked in the database: {executions:,} executions accepted, there once and succeeded; "
        f"{steps:,} steps, each run once."
    )


def _print(rows: Sequence[Row]) -> None:
    say()
    say(f"{os.cpu_count()} CPUs ({platform.machine()}), Python {platform.python_version()}")
    for line in table.lines(rows):
        say(line)
    say(NOTES)
