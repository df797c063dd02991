"""F12, F18 and F20: what runs do to each other and to themselves; nothing is killed."""

from __future__ import annotations

import time

from tests.faults import workflows
from tests.faults.trial import Trial
from tests.tables import percentile

WIDTH = 10  # branches of a join
LIMIT = 3  # seconds of a run with a step that never answers
DRIP_LIMIT = 2  # seconds of a step whose answer never ends
QUIET_SECONDS = 0.1  # at most, for 95 of 100 first steps of a quiet tenant
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
