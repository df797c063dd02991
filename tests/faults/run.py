"""One run: each fault in turn, the invariants after it, one table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom

from config.local import interrupts
from config.local.terminal import complain, phase, say
from tests import tables
from tests.faults import (
    at_failpoints,
    on_postgres,
    on_runs,
    on_valkey,
    on_webhooks,
    on_workers,
)
from tests.faults.system import System
from tests.faults.trial import Trial
from tests.tables import percentile

HEAD = (
    *("fault", "rounds", "executions", "lost", "doubled", "stuck"),
    *("calls twice /1000", "p50 s", "p99 s", "max s", "took s"),
)

# Of the short form: a step that kills its worker does so twice, not five times.
QUICK = {"STEPWELL_MAX_CLAIMS": "2"}
NOTES = """\
lost: a promised execution that is not there, a join that did not fire. doubled: a step that ended
  or was started twice. stuck: a run that has not ended and does not wait for anything declared.
calls twice: calls that reached the receiver for a step that had made one before.
p50, p99, max: how long what was hit stood still.
  F1 to F3, F5: a step, from the signal to its process until the step went on elsewhere.
  F4, F10, F11, F19: a step whose lease was lost, from one start to the next.
  F6 to F8, F13, F14, F20, F23: a run (F20: the quiet tenant's), from acceptance to its start.
  F9: all runs, from Postgres being back to the first that moves. F18: what went beyond its time.
  F21: a claim, while the transaction is open. F22: all webhooks, from the start of web."""


@dataclass(frozen=True)
class Fault:
    """`act` does it; its docstring says what is done."""

    name: str
    title: str
    act: Callable[[Trial], None]


FAULTS = (
    Fault("F1", "kill -9 of a worker process", on_workers.child_killed),
    Fault("F2", "kill -9 of all of them", on_workers.group_killed),
    Fault("F3", "a worker frozen, then a zombie", on_workers.child_frozen),
    Fault("F4", "death at every failpoint", at_failpoints.every_one),
    Fault("F5", "a step that kills its worker", on_workers.poisoned),
    Fault("F6", "Valkey emptied", on_valkey.emptied),
    Fault("F7", "Valkey killed, back empty", on_valkey.killed),
    Fault("F8", "Valkey hung", on_valkey.hung),
    Fault("F9", "Postgres crashes", on_postgres.crashed),
    Fault("F10", "sessions of Postgres cut", on_postgres.cut_off),
    Fault("F11", "answers to COMMIT lost", on_postgres.unanswered),
    Fault("F12", "ten branches end at once", on_runs.joined),
    Fault("F13", "wake-ups doubled and late", on_valkey.repeated),
    Fault("F14", "wake-ups stolen", on_valkey.stolen),
    Fault("F18", "steps and runs out of time", on_runs.overdue),
    Fault("F19", "statements out of time", on_postgres.timed_out),
    Fault("F20", "a noisy tenant", on_runs.crowded),
    Fault("F21", "an old transaction", on_postgres.held_up),
    Fault("F22", "web killed under webhooks", on_webhooks.killed_while_taking_in),
    Fault("F23", "a storm of runs that call out", on_runs.stormed),
)


def main() -> int:
    """The exit status: 1 when an invariant is broken or a fault can not be tried."""
    given = _arguments()
    seed = given.seed if given.seed is not None else SystemRandom().randrange(1_000_000)
    say(f"Seed {seed}: the same faults again by --seed {seed}")
    interrupts.raise_on_signals()
    try:
        with closing(System(QUICK if given.quick else {})) as system:
            with phase("Starting the production processes"):
                system.start()
            trials = {
                fault: _try(fault, system, seed, quick=given.quick)
                for fault in FAULTS
                if fault.name in (given.only or fault.name)
            }
    except KeyboardInterrupt:
        return 130
    _print(trials)
    broken = [
        f"{fault.name}: {flaw}" for fault, (trial, _) in trials.items() for flaw in trial.flaws
    ]
    for flaw in broken:
        complain(flaw)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, as `make test` has")
    parser.add_argument("--only", type=_names, help="the numbers of some faults, e.g. F1,F9")
    parser.add_argument("--seed", type=int, help="of all that is left to chance")
    return parser.parse_args()


def _names(text: str) -> frozenset[str]:
    names = frozenset(text.split(","))
    known = [fault.name for fault in FAULTS]
    if unknown := sorted(names.difference(known)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: give some of {','.join(known)}")
    return names


def _try(fault: Fault, system: System, seed: int, *, quick: bool) -> tuple[Trial, float]:
    """The trial and the seconds that it took. What breaks it is a flaw of it."""
    # A seed of its own, so that a fault is the same whatever was tried before it.
    trial = Trial(fault.name, system, Random(f"{seed}{fault.name}"), quick)
    started = time.monotonic()
    with phase(f"{fault.name}, {fault.title}"):
        for part in (partial(fault.act, trial), system.heal, trial.judge):
            try:
                part()
            except Exception as error:  # noqa: BLE001 - the others are to be tried all the same
                trial.flaws.append(f"it broke off: {type(error).__name__}: {error}")
    return trial, time.monotonic() - started


def _print(trials: dict[Fault, tuple[Trial, float]]) -> None:
    say()
    rows = [_row(fault, trial, seconds) for fault, (trial, seconds) in trials.items()]
    for line in tables.lines(HEAD, rows):
        say(line)
    say(NOTES)
    for fault, (trial, _) in trials.items():
        counts = ", ".join(f"{count} {status}" for status, count in trial.verdict.statuses.items())
        for note in (counts, *trial.notes):
            say(f"{fault.name}: {note}")
    verdicts = [trial.verdict for trial, _ in trials.values()]
    say(f"{sum(verdict.executions for verdict in verdicts):,} executions in all.")


def _row(fault: Fault, trial: Trial, seconds: float) -> Sequence[str]:
    verdict = trial.verdict
    repeated = f"{1000 * verdict.repeated / verdict.calls:.1f}" if verdict.calls else ""
    stood = trial.recoveries
    figures = [percentile(stood, 0.5), percentile(stood, 0.99), max(stood)] if stood else []
    counts = (trial.rounds, verdict.executions, verdict.lost, verdict.doubled, verdict.stuck)
    return (
        f"{fault.name} {fault.title}",
        *map(str, counts),
        repeated,
        *(f"{figure:.2f}" for figure in figures),
        *[""] * (3 - len(figures)),
        f"{seconds:.0f}",
    )
