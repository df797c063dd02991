"""F1 to F3 and F5: worker processes that are killed, frozen and poisoned."""

from __future__ import annotations

import os
import signal
import time
from uuid import UUID

from executions.models import StepRun
from tenants import scope
from tests.faults import workflows
from tests.faults.trial import Trial
from tests.faults.waiting import wait
from tests.workload import Workload

POISON_SECONDS = 300.0  # against hanging


def child_killed(trial: Trial) -> None:
    """F1: one worker process after the other, in the middle of its steps."""
    works = [trial.workload(name, workflows.order(trial.receiver)) for name in ("a", "b")]
    trial.rounds = trial.size(4, 100)
    for _ in range(trial.rounds):
        for work in works:
            work.pile_up(trial.size(5, 3))
        wait("a worker to be at work", lambda: bool(_at_work(trial)))
        time.sleep(trial.rng.uniform(0.0, 0.3))
        if pids := _at_work(trial):
            trial.lose(trial.system.kill_worker(trial.rng.choice(pids)))
        trial.system.wait_entered()  # or the dead would be replaced by the dying


def _at_work(trial: Trial) -> list[int]:
    """The worker processes that have a step in hand."""
    return [pid for pid in trial.system.workers() if trial.system.held(pid)]


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
        time.sleep(trial.rng.uniform(0.0, trial.size(1.0, 8.0)))


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


def poisoned(trial: Trial) -> None:
    """F5: a step that takes its worker with it each time, among others that do no harm."""
    poison = trial.workload("poison", [trial.receiver.call("a", does="hang/0", timeout=30)])
    others = trial.workload("others", workflows.quick())
    trial.rounds = 1
    poison.pile_up(1)

    def is_given_up() -> bool:
        others.pile_up(1)
        _kill_its_holder(trial, poison)
        return _status(poison) in ("failed", "unknown")

    seconds = wait("the step to be given up", is_given_up, POISON_SECONDS)
    trial.notes.append(f"failed after {_claims(poison)} leases and {seconds:.1f} s")


def _kill_its_holder(trial: Trial, work: Workload) -> None:
    """Once it has made its call, if anybody holds it."""
    (ident,) = work.accepted
    for pid in trial.system.workers():
        if any(lease.execution == ident for lease in trial.system.held(pid)):
            wait("its call", lambda: _calls(trial, ident) == _claims(work))
            trial.lose(trial.system.kill_worker(pid))


def _status(work: Workload) -> str | None:
    with scope.tenant(work.tenant_id):
        return StepRun.objects.values_list("status", flat=True).first()


def _claims(work: Workload) -> int:
    with scope.tenant(work.tenant_id):
        return StepRun.objects.values_list("claims", flat=True).get()


def _calls(trial: Trial, execution: UUID) -> int:
    return sum(call.execution == str(execution) for call in trial.calls())
