"""The measurements. Each returns its rows of the table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from tests.benchmarks import verify
from tests.benchmarks.limits import Limit
from tests.benchmarks.listener import Listener
from tests.benchmarks.load import Client, Load, drive
from tests.benchmarks.system import System
from tests.benchmarks.table import Row, share
from tests.benchmarks.target import SLOW_SECONDS
from tests.benchmarks.usage import Figures, Meter
from tests.tables import percentile
from tests.workload import Workload

ACCEPT_GOAL = {16: ">= 900/s"}
PER_SECOND = 3000  # requests made beforehand for each second of load; more than can be answered
FINISH_SECONDS = 60.0
PAUSE_SECONDS = 0.01  # between two runs without load, for the workers to fall asleep
WARM_UP = 3  # runs before those that are measured
# Each of some fifty connections plans each statement six times before it keeps a plan.
WARM_UP_REQUESTS = 400
WARM_UP_SECONDS = 5.0  # at most
THREADS = 32  # steps that the two workers run at once


class WrongAnswerError(Exception):
    """A webhook was not answered 202."""


@dataclass(frozen=True)
class Effort:
    """How long and how often."""

    seconds: int  # of each load, and of each run of pgbench
    rounds: int  # of what is measured without load
    backlog5: int  # executions
    backlog50: int


@dataclass(frozen=True)
class Limits:
    """What pgbench reached, by clients; and one plain call of the HTTP target."""

    accept: dict[int, Limit]
    transition: dict[int, Limit]
    call_ms: float


@dataclass(frozen=True)
class Alone:
    """Runs one after another: seconds from a webhook's first byte to the news of the end."""

    seconds: Sequence[float]
    cpu_ms: Figures  # of one run


@dataclass(frozen=True)
class Sent:
    """Webhooks, all answered, and all that they started ended."""

    load: Load
    seconds: float  # from the first byte to the end of the last execution
    cpu_ms: Figures  # of one webhook and its execution


class Measure:
    """Runs the workloads against the system."""

    def __init__(self, system: System, effort: Effort, limits: Limits) -> None:
        self._system = system
        self._effort = effort
        self._limits = limits
        self.generator_share = 0.0  # of one CPU, at most

    def warm_up(self, workload: Workload) -> None:
        """Let every thread and connection do its first work, which no later one repeats."""
        requests = workload.requests(WARM_UP_REQUESTS)
        sent = drive(self._system.ports.web, requests, clients=16, seconds=WARM_UP_SECONDS)
        _note(workload, sent.answers)
        verify.wait_finished(workload, FINISH_SECONDS)

    def accept(self, workload: Workload, clients: int, *, keep_alive: bool = True) -> Row:
        """Webhooks as fast as so many clients can send; the workers run meanwhile."""
        done = self._send(workload, clients, self._effort.seconds, keep_alive=keep_alive)
        sent = done.load
        limit = self._limits.accept[clients]
        return Row(
            work=f"accept, {clients} clients" + ("" if keep_alive else ", a connection each"),
            result=f"{sent.rate:,.0f}/s",
            p50_ms=percentile(sent.latencies, 0.5) * 1000,
            p99_ms=percentile(sent.latencies, 0.99) * 1000,
            limit=f"{limit.rate:,.0f}/s",
            of_limit=share(sent.rate, limit.rate),
            cpu_ms=done.cpu_ms,
            goal=ACCEPT_GOAL.get(clients, "") if keep_alive else "",
        )

    def linear5(self, workload: Workload) -> list[Row]:
        """Latency without load; throughput with a backlog, and with the webhooks included."""
        alone = self._alone(workload, self._effort.rounds)
        accept, transition = self._limits.accept[1].mean_ms, self._limits.transition[1].mean_ms
        least = accept + 5 * transition + 2 * self._limits.call_ms
        latency = Row(
            work="linear-5, one at a time",
            result=f"{median(alone.seconds) * 1000:.1f} ms",
            p50_ms=median(alone.seconds) * 1000,
            p99_ms=percentile(alone.seconds, 0.99) * 1000,
            limit=f"{least:.1f} ms",
            of_limit=share(least / 1000, median(alone.seconds)),
            cpu_ms=alone.cpu_ms,
            goal="<= 15 ms",
        )
        return [latency, self._backlog5(workload), self._storm5(workload)]

    def linear50(self, workload: Workload) -> list[Row]:
        """Milliseconds a step without load, steps a second with many executions."""
        alone = self._alone(workload, self._effort.rounds // 2)
        steps = workload.steps
        a_step = median(alone.seconds) * 1000 / steps
        limit = self._limits.transition[1].mean_ms
        latency = Row(
            work="linear-50, a step, one run at a time",
            result=f"{a_step:.2f} ms",
            p50_ms=a_step,
            p99_ms=percentile(alone.seconds, 0.99) * 1000 / steps,
            limit=f"{limit:.2f} ms",
            of_limit=share(limit, a_step),
            cpu_ms={role: used / steps for role, used in alone.cpu_ms.items()},
            goal="<= 1.2 ms",
        )
        count = self._effort.backlog50
        rate, cpu_ms = self._work_off(workload, count)
        throughput = Row(
            work=f"linear-50, steps, backlog of {count} runs",
            result=f"{rate * steps:,.0f}/s",
            limit=f"{self._limits.transition[THREADS].rate:,.0f}/s",
            of_limit=share(rate * steps, self._limits.transition[THREADS].rate),
            cpu_ms={role: used / steps for role, used in cpu_ms.items()},
            goal=">= 1,500/s",
        )
        return [latency, throughput]

    def step_ms(self, workload: Workload) -> float:
        """Milliseconds a step of a chain, one run at a time."""
        alone = self._alone(workload, self._effort.rounds // 2)
        return median(alone.seconds) * 1000 / workload.steps

    def work_off(self, workloads: Sequence[Workload], count: int) -> float:
        """Seconds from storing `count` executions of each workload to the end of the last."""
        started = time.perf_counter()
        for workload in workloads:
            workload.pile_up(count)
        for workload in workloads:
            verify.wait_finished(workload, FINISH_SECONDS)
        return time.perf_counter() - started

    def fan_out(self, workload: Workload) -> Row:
        """Ten calls of 200 ms at once and a join; the goal holds for the slowest round."""
        alone = self._alone(workload, max(10, self._effort.rounds // 8))
        middle, worst = median(alone.seconds) * 1000, max(alone.seconds) * 1000
        return Row(
            work="fan-out of ten 200 ms calls",
            result=f"{middle:.0f} ms, max {worst:.0f}",
            p50_ms=middle,
            p99_ms=percentile(alone.seconds, 0.99) * 1000,
            limit=f"{SLOW_SECONDS * 1000:.0f} ms",
            of_limit=share(SLOW_SECONDS * 1000, middle),
            cpu_ms=alone.cpu_ms,
            goal="<= 260 ms",
        )

    def _backlog5(self, workload: Workload) -> Row:
        count = self._effort.backlog5
        rate, cpu_ms = self._work_off(workload, count)
        return self._throughput5(f"linear-5, backlog of {count}", rate, cpu_ms, ">= 200/s")

    def _storm5(self, workload: Workload) -> Row:
        """From the first webhook to the end of the last execution."""
        sent = self._send(workload, 16, self._effort.seconds)
        rate = len(sent.load.answers) / sent.seconds
        return self._throughput5("linear-5, webhooks of 16 clients", rate, sent.cpu_ms, "")

    def _throughput5(self, work: str, rate: float, cpu_ms: Figures, goal: str) -> Row:
        limit = self._limits.transition[THREADS].rate / 5
        return Row(
            work=work,
            result=f"{rate:,.0f}/s",
            limit=f"{limit:,.0f}/s",
            of_limit=share(rate, limit),
            cpu_ms=cpu_ms,
            goal=goal,
        )

    def _alone(self, workload: Workload, rounds: int) -> Alone:
        address = self._system.ports.web
        with Listener() as listener, closing(Client(address, keep_alive=True)) as sender:
            _note(workload, [sender.ask(request) for request in workload.requests(WARM_UP)])
            verify.wait_finished(workload, FINISH_SECONDS)
            last_seq, seconds = verify.last_seq(workload), []
            with Meter(self._system.roles) as meter:
                for request in workload.requests(rounds):
                    time.sleep(PAUSE_SECONDS)
                    _note(workload, [sender.ask(request)])
                    ended = listener.wait(workload.by_webhook[-1], last_seq)
                    seconds.append(ended - sender.started)
        return Alone(seconds, meter.per(rounds))

    def _work_off(self, workload: Workload, count: int) -> tuple[float, Figures]:
        """Executions a second, from the moment at which all are there; CPU ms of each."""
        with Meter(self._system.roles) as meter:
            started = workload.pile_up(count)
            verify.wait_finished(workload, FINISH_SECONDS)
            seconds = time.perf_counter() - started
        return count / seconds, meter.per(count)

    def _send(
        self, workload: Workload, clients: int, seconds: float, *, keep_alive: bool = True
    ) -> Sent:
        """Send webhooks, and wait until all that they started has ended."""
        count = int(PER_SECOND * seconds)
        requests = list(workload.requests(count, keep_alive=keep_alive))
        port = self._system.ports.web
        with Meter(self._system.roles) as meter:
            started = time.perf_counter()
            sent = drive(port, requests, clients=clients, seconds=seconds, keep_alive=keep_alive)
            _note(workload, sent.answers)
            verify.wait_finished(workload, FINISH_SECONDS)
            ended = time.perf_counter()
        self.generator_share = max(self.generator_share, sent.cpu_seconds / sent.seconds)
        return Sent(sent, ended - started, meter.per(len(sent.answers)))


def _note(workload: Workload, answers: Sequence[bytes]) -> None:
    wrong = workload.note(answers)
    if wrong:
        raise WrongAnswerError(f"{len(wrong)} of {len(answers)} answers, the first: {wrong[0]}")
