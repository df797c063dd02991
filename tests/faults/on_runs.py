"""F12, F18, F20 and F23: what runs do to each other and to themselves; nothing is killed."""

from __future__ import annotations

import time
from collections import Counter

from tests.benchmarks import verify
from tests.benchmarks.load import drive
from tests.faults import workflows
from tests.faults.trial import Trial
from tests.tables import percentile
from tests.workload import Workload

WIDTH = 10  # branches of a join
LIMIT = 3  # seconds of a run with a step that never answers
DRIP_LIMIT = 2  # seconds of a step whose answer never ends
QUIET_SECONDS = 0.1  # at most, for 95 of 100 first steps of a quiet tenant
CHAIN = 20  # steps one after another, as deep as a workflow may be
STORM_CLIENTS = 64  # twice as many as both worker processes have threads
STORM_SECONDS = 240.0  # for all to be accepted; only hanging is an error
OVERSHOT = """
SELECT extract(epoch FROM finished_at - started_at)::float8 - %s
FROM executions_execution WHERE tenant_id = %s
"""


def joined(trial: Trial) -> None:
    """F12: ten branches that end at the same moment, many times."""
    work = trial.workload("a", workflows.fan(trial.receiver, WIDTH))
    trial.rounds = trial.size(20, 1000)
    work.pile_up(trial.rounds)


def overdue(trial: Trial) -> None:
    """F18: a call that is never answered, in a run with little time; and an answer without end."""
    trial.rounds = trial.size(3, 30)
    trial.endings = {"failed: timeout", "timed_out: timed_out"}
    never = trial.receiver.call("done", does="hang/0", timeout=30, retry={"attempts": 1})
    drip = trial.receiver.call(
        "done", does="drip/0", timeout=DRIP_LIMIT, retry={"attempts": 1, "on": []}
    )
    works = {
        LIMIT: trial.workload("hung", [never], limits={"timeout": LIMIT}),
        DRIP_LIMIT: trial.workload("drip", [drip]),
    }
    for work in works.values():
        work.pile_up(trial.rounds)
    trial.settle()
    with trial.system.superuser() as db:
        for limit, work in works.items():
            rows = db.execute(OVERSHOT, [limit, work.tenant_id]).fetchall()
            trial.recoveries += [float(str(row[0])) for row in rows]


def crowded(trial: Trial) -> None:
    """F20: one tenant's many runs lie ahead of another's few."""
    noisy = trial.workload("noisy", workflows.quick())
    quiet = trial.workload("quiet", workflows.quick())
    count, trial.rounds = trial.size((150, 5), (1500, 40))  # of two steps each
    noisy.pile_up(count)
    for _ in range(trial.rounds):
        time.sleep(trial.rng.uniform(0.05, 0.15))
        quiet.pile_up(1)
    trial.settle()
    trial.recoveries = trial.dwelled(quiet.accepted)
    p95, theirs = (percentile(trial.dwelled(work.accepted), 0.95) for work in (quiet, noisy))
    trial.notes.append(
        f"a first step's wait, p95: {1000 * p95:.0f} ms of the quiet tenant, "
        f"{1000 * theirs:.0f} ms of the noisy one, who had {2 * count} steps"
    )
    if not trial.quick and p95 > QUIET_SECONDS:
        trial.flaws.append(
            f"a quiet tenant waited {1000 * p95:.0f} ms (p95); promised are "
            f"{1000 * QUIET_SECONDS:.0f} ms"
        )


def stormed(trial: Trial) -> None:
    """F23: many webhooks at once, whose runs call out and come back, among runs that only think.

    Nothing is lost here, so every step begins once: a thread of a worker that waits for its turn
    with a step in hand must neither be passed over nor taken for one that has none. What is passed
    over is given back after seconds, so only the long form lasts long enough to show it.
    """
    calling = trial.workload("calls", workflows.errand(trial.receiver), **workflows.OUTPUT)
    thinking = trial.workload("chain", workflows.chain(CHAIN), **workflows.OUTPUT)
    count, trial.rounds = trial.size((300, 1), (2000, 5))
    trial.endings = {"succeeded"}
    for _ in range(trial.rounds):
        thinking.pile_up(count // 40)
        requests, web = calling.requests(count), trial.system.ports.web
        load = drive(web, requests, clients=STORM_CLIENTS, seconds=STORM_SECONDS)
        trial.flaws += calling.note(load.answers)
        trial.settle()
    trial.recoveries = trial.dwelled(calling.accepted)
    for work in (calling, thinking):
        trial.flaws += verify.mismatches(work)
    trial.flaws += _repeated(trial, calling)


def _repeated(trial: Trial, work: Workload) -> list[str]:
    """What the other side saw otherwise than each call of a run once, with its own key."""
    seen = Counter((call.execution, call.step, call.key) for call in trial.calls())
    due: Counter[tuple[str, str, str | None]] = Counter(
        call
        for run in map(str, work.accepted)
        for call in ((run, "fetch", None), (run, "create", f"{run}.create"))
    )
    return [
        f"{len(found)} calls {what}: {', '.join(map(str, list(found)[:3]))}"
        for found, what in ((seen - due, "too many"), (due - seen, "missing"))
        if found
    ]
