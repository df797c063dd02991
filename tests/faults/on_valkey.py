"""F6 to F8, F13 and F14: Valkey emptied, killed and hung; wake-ups doubled, late and stolen.

What stands still here is a run from its acceptance to the start of its first step.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from celery import current_app

from executions import dispatch
from tests.faults import workflows
from tests.faults.senders import Senders
from tests.faults.trial import Trial

THIEVES = 2  # as many as there are worker processes, so about half of the messages are stolen


def emptied(trial: Trial) -> None:
    """F6: FLUSHALL while many steps are ready; beside it the same without."""
    count = trial.size(100, 1000)
    trial.rounds = 1
    usual = trial.workload("usual", workflows.quick())
    usual.pile_up(count)
    without = trial.settle()
    work = trial.workload("emptied", workflows.quick())
    work.pile_up(count)
    with trial.system.broker() as broker:
        broker.flushall()
    seconds = trial.settle()
    trial.recoveries = trial.dwelled(work.accepted)
    trial.notes.append(f"{count} runs took {seconds:.1f} s, {without:.1f} s without the fault")


def killed(trial: Trial) -> None:
    """F7: kill -9, away for a while, started again empty. Webhooks are accepted all the time."""
    work = trial.workload("a", workflows.quick())
    trial.rounds = 1
    with trial.sending(work) as senders:
        time.sleep(1.0)
        trial.system.kill_valkey()
        time.sleep(trial.size(4.0, 30.0))
        trial.system.start_valkey()
        time.sleep(trial.size(1.0, 5.0))
    _report(trial, senders)


def hung(trial: Trial) -> None:
    """F8: SIGSTOP, so that it neither answers nor refuses."""
    work = trial.workload("a", workflows.quick())
    trial.rounds = 1
    with trial.sending(work) as senders:
        time.sleep(1.0)
        trial.system.signal_valkey(signal.SIGSTOP)
        try:
            time.sleep(trial.size(4.0, 20.0))
        finally:
            trial.system.signal_valkey(signal.SIGCONT)
        time.sleep(1.0)
    _report(trial, senders)


def repeated(trial: Trial) -> None:
    """F13: three more wake-ups for each run, each after a time of its own, so out of order too."""
    work = trial.workload("a", workflows.quick())
    count, longest = trial.size((40, 2.0), (500, 30.0))
    trial.rounds = 1
    with trial.sending(work, pause=trial.size(0.05, 0.2)) as senders:
        due = sorted(trial.rng.uniform(0.0, longest) for _ in range(3 * count))
        started = time.monotonic()
        for at in due:
            time.sleep(max(0.0, started + at - time.monotonic()))
            current_app.signature(dispatch.TASK, queue=dispatch.QUEUE).apply_async()
    trial.notes.append(f"{len(due)} wake-ups for nothing were absorbed")
    _report(trial, senders)


def stolen(trial: Trial) -> None:
    """F14: about half of all wake-ups never reach a worker."""
    work = trial.workload("a", workflows.quick())
    trial.rounds = 1
    with _thieves(trial) as loot:
        with trial.sending(work, pause=0.2) as senders:
            time.sleep(trial.size(4.0, 30.0))
        trial.settle()
    trial.notes.append(f"{len(loot)} wake-ups were stolen")
    _report(trial, senders)


@contextmanager
def _thieves(trial: Trial) -> Iterator[list[object]]:
    """Wait for messages as workers do, and keep them."""
    loot: list[object] = []
    leaving = threading.Event()

    def steal(broker: redis.Redis) -> None:
        with broker:
            while not leaving.is_set():
                taken = broker.blpop([dispatch.QUEUE], timeout=1)
                if isinstance(taken, list | tuple):
                    loot.append(taken[1])

    threads = [
        threading.Thread(target=steal, args=(trial.system.broker(),)) for _ in range(THIEVES)
    ]
    for thread in threads:
        thread.start()
    try:
        yield loot
    finally:
        leaving.set()
        for thread in threads:
            thread.join()


def _report(trial: Trial, senders: Senders) -> None:
    trial.settle()
    trial.recoveries = trial.dwelled(senders.executions)
    trial.notes.append(senders.summary())
