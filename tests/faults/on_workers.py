"""F1 to F5: worker processes that are killed, frozen and poisoned."""

from __future__ import annotations

import os
import signal
import time
from uuid import UUID

from executions.failpoints import PERMISSION, POINTS, VARIABLE
from executions.models import StepRun
from tenants import scope
from tests.faults import workflows
from tests.faults.senders import Senders
from tests.faults.trial import Trial
from tests.faults.waiting import wait
from tests.workload import Workload

# The point that only recovery passes needs something to recover.
ARMED = {"sweeper_mid": "after_claim:kill@{share},sweeper_mid:kill@0.3"}


def child_killed(trial: Trial) -> None:
    """F1: one worker process after the other, in the middle of its steps."""
    works = [trial.workload(name, workflows.order(trial.receiver)) for name in ("a", "b")]
    trial.rounds = trial.size(4, 160)
    for _ in range(trial.rounds):
        for work in works:
            work.pile_up(trial.size(5, 3))
        time.sleep(trial.rng.uniform(0.05, 0.6))
        if pids := trial.system.workers():  # both may be on their way back
            trial.lose(trial.system.kill_worker(trial.rng.choice(pids)))
        time.sleep(trial.rng.uniform(0.1, 1.0))


def group_killed(trial: Trial) -> None:
    """F2: all worker processes and their parent at once; a supervisor starts them later."""
    works = [trial.workload(name, workflows.order(trial.receiver)) for name in ("a", "b")]
    trial.rounds = trial.size(1, 10)
    for _ in range(trial.rounds):
        for work in works:
            work.pile_up(trial.size(10, 25))
        time.sleep(trial.rng.uniform(0.1, 0.6))
        trial.lose(trial.system.kill_workers())
        time.sleep(trial.rng.uniform(0.0, trial.size(1.0, 5.0)))
        trial.system.start_workers()


def child_frozen(trial: Trial) -> None:
    """F3: SIGSTOP until others have its steps, then SIGCONT: a zombie with results to tell."""
    work = trial.workload("a", workflows.order(trial.receiver))
    trial.rounds = trial.size(1, 8)
    rejected = 0
    for _ in range(trial.rounds):
        work.pile_up(20)
        time.sleep(trial.rng.uniform(0.1, 0.5))
        pid = trial.rng.choice(trial.system.workers())
        os.kill(pid, signal.SIGSTOP)
        try:
            held = trial.system.held(pid)
            trial.lose(held)
            _wait_taken(trial, pid)
        finally:
            os.kill(pid, signal.SIGCONT)
        rejected += len(held)
    trial.notes.append(f"{rejected} steps in the hands of zombies; what they wrote was rejected")


def _wait_taken(trial: Trial, pid: int) -> None:
    wait("others to take its steps", lambda: not trial.system.held(pid))


def every_failpoint(trial: Trial) -> None:
    """F4: a process that dies at each named point, in steps of each type."""
    points = trial.rng.sample(POINTS, 1) if trial.quick else list(POINTS)
    trial.rounds = len(points)
    try:
        for point in points:
            _one_failpoint(trial, point)
    finally:
        trial.system.stop_workers()
        trial.system.start_workers()
        trial.system.restart_web()


def _one_failpoint(trial: Trial, point: str) -> None:
    """A row of the matrix: in each cell the leases that were lost, or that it failed."""
    cells = {
        name: trial.workload(f"{point.replace('_', '-')} {name}", steps)
        for name, steps in workflows.by_type(trial.receiver).items()
    }
    share = trial.size(0.06, 0.04)
    armed = {
        VARIABLE: ARMED.get(point, "{point}:kill@{share}").format(point=point, share=share),
        PERMISSION: "tests",
    }
    trial.system.stop_workers()
    in_web = point == "after_begin_before_wake"
    if in_web:
        trial.system.restart_web(**armed)
    trial.system.start_workers(**({} if in_web else armed))
    if in_web:
        _accept(trial, list(cells.values()))
    else:
        for work in cells.values():
            work.pile_up(trial.size(5, 20))
    trial.settle()
    row = []
    for name, work in cells.items():
        verdict = trial.check([tenant for tenant in trial.tenants if tenant.id == work.tenant_id])
        lost = len(verdict.stood_still)
        row.append(f"{name} {'FAILED' if verdict.flaws else lost}")
        trial.recoveries += verdict.stood_still
    trial.notes.append(f"leases lost at {point}: {', '.join(row)}")


def _accept(trial: Trial, works: list[Workload]) -> None:
    for work in works:
        with trial.sending(work, clients=2) as senders:
            _wait_accepted(senders, trial.size(5, 20))


def _wait_accepted(senders: Senders, count: int) -> None:
    wait("webhooks to be accepted", lambda: len(senders.promised) >= count)


def poisoned(trial: Trial) -> None:
    """F5: a step that takes its worker with it each time, among others that do no harm."""
    poison = trial.workload("poison", [trial.receiver.call("a", does="hang/0", timeout=30)])
    others = trial.workload("others", workflows.quick())
    trial.rounds = 1
    started = time.monotonic()
    poison.pile_up(1)
    (ident,) = poison.accepted
    while _status(poison) not in ("failed", "unknown"):
        others.pile_up(5)
        for pid in trial.system.workers():
            if any(lease.execution == ident for lease in trial.system.held(pid)):
                wait("its call", lambda: _calls(trial, ident) == _claims(poison))
                trial.lose(trial.system.kill_worker(pid))
        time.sleep(0.2)
    trial.notes.append(
        f"failed after {_claims(poison)} leases and {time.monotonic() - started:.1f} s"
    )


def _status(work: Workload) -> str | None:
    with scope.tenant(work.tenant_id):
        return StepRun.objects.values_list("status", flat=True).first()


def _claims(work: Workload) -> int:
    with scope.tenant(work.tenant_id):
        return StepRun.objects.values_list("claims", flat=True).get()


def _calls(trial: Trial, execution: UUID) -> int:
    return sum(call.execution == str(execution) for call in trial.calls())
