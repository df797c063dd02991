"""F4: a process that dies at each named point of the code, in steps of each type."""

from __future__ import annotations

from collections.abc import Mapping

from executions.failpoints import PERMISSION, POINTS, VARIABLE
from tests import tables
from tests.faults import workflows
from tests.faults.senders import Senders
from tests.faults.trial import Trial
from tests.faults.waiting import wait
from tests.workload import Workload

IN_WEB = "after_begin_before_wake"
# This point is reached only in a recovery, so something must be lost first.
LOST_FIRST = {"sweeper_mid": "after_claim:kill@{share},sweeper_mid:kill@0.3"}
# No step passes them: tests/executions/test_services_scheduling.py, _reacting_once.py.
ELSEWHERE = {"in_firing", "in_reaction"}
Cells = Mapping[str, Workload]  # by step type


def every_one(trial: Trial) -> None:
    """Points one after the other, all step types at once; a table of the leases that were lost."""
    points = [point for point in POINTS if point not in ELSEWHERE]
    points = trial.rng.sample(points, 1) if trial.quick else points
    trial.rounds = len(points)
    trial.endings.add("failed: child")  # a for_each one of whose items lost its worker too often
    types = tuple(workflows.by_type(trial.receiver))
    rows = []
    try:
        for point in points:
            cells = _cells(trial, point)
            _armed(trial, point)
            _run(trial, point, cells)
            rows.append((point, *_found(trial, cells)))
    finally:
        trial.system.restart_web()
        trial.system.stop_workers()
        trial.system.start_workers()
    trial.notes += tables.lines(("leases lost", *types), rows)


def _cells(trial: Trial, point: str) -> Cells:
    return {
        name: trial.workload(f"{point.replace('_', '-')} {name}", steps)
        for name, steps in workflows.by_type(trial.receiver).items()
    }


def _armed(trial: Trial, point: str) -> None:
    entry = LOST_FIRST.get(point, f"{point}:kill@{{share}}")
    armed = {VARIABLE: entry.format(share=trial.size(0.06, 0.02)), PERMISSION: "tests"}
    if point == IN_WEB:
        trial.system.restart_web(**armed)
    trial.system.stop_workers()
    trial.system.start_workers(**({} if point == IN_WEB else armed))


def _run(trial: Trial, point: str, cells: Cells) -> None:
    count = trial.size(5, 20)
    if point == IN_WEB:
        _accept(trial, cells, count)
    else:
        for work in cells.values():
            work.pile_up(count)
    trial.settle()


def _accept(trial: Trial, cells: Cells, count: int) -> None:
    unanswered = 0
    for work in cells.values():
        with trial.sending(work, clients=2) as senders:
            _wait_accepted(senders, count)
        unanswered += senders.others["no answer"]
    trial.notes.append(f"{IN_WEB}: {unanswered} webhooks were not answered, and sent again")


def _wait_accepted(senders: Senders, count: int) -> None:
    wait("webhooks to be accepted", lambda: len(senders.promised) >= count)


def _found(trial: Trial, cells: Cells) -> list[str]:
    """For each step type how many leases were lost, or that an invariant was broken."""
    found = []
    for work in cells.values():
        verdict = trial.check(work.tenant_id)
        trial.recoveries += verdict.stood_still
        found.append("BROKEN" if verdict.flaws else str(len(verdict.stood_still)))
    return found
