"""The invariants by name: what each asks of the database, and what its breach means in words.

The numbers are those of the reliability tests: I1 every execution ends, I2 each step ends once and
by legal moves, I3 no step before its edges say so, I4 every join fires once, I5 no try without a
lease, I6 nothing after the end, I7 no row in another tenant's run, I8 no step on a lease that is
over. Each stands alone, so that one can be changed without a look at the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from executions.invariants import progress, statements


class Repair(StrEnum):
    """How a breach can be mended without a person's judgement."""

    RELEASE = "release"  # the step's lease, as if its worker had died
    SETTLE = "settle"  # decide again what follows from the steps as they stand
    TIME_OUT = "time_out"  # end the run: its active time is used up
    FOLLOW_UP = "follow up"  # tell other executions what they are to know
    WAKE = "wake"  # tell the workers that there is work


@dataclass(frozen=True)
class Invariant:
    """One query that finds nothing as long as all is well. `says` is filled in with its facts."""

    number: str
    name: str
    sql: str
    says: str
    repair: Repair | None = None
    by_id: bool = True  # looks at a range of ids; else at all that is open


def _open(number: str, name: str, sql: str, says: str, repair: Repair | None = None) -> Invariant:
    return Invariant(number, name, sql, says, repair, by_id=False)


INVARIANTS = (
    _open(
        "I1",
        "overdue",
        progress.OVERDUE,
        "It used up its active time {seconds} s ago and still runs.",
        Repair.TIME_OUT,
    ),
    _open(
        "I1",
        "running-idle",
        progress.RUNNING_IDLE,
        "It is {status} and none of its steps is open: nothing will ever move it.",
        Repair.SETTLE,
    ),
    Invariant(
        "I1",
        "waiting-idle",
        progress.WAITING_IDLE,
        "It is {status} and none of its steps is open: nothing will ever move it.",
        Repair.SETTLE,
    ),
    _open(
        "I1",
        "not-followed-up",
        progress.NOT_FOLLOWED_UP,
        "It ended {seconds} s ago, and other executions that are to know of it do not.",
        Repair.FOLLOW_UP,
    ),
    Invariant(
        "I1",
        "children-unheard",
        progress.CHILDREN_UNHEARD,
        "It waits for {waits_for}, and none of its runs is open any more.",
    ),
    Invariant("I2", "ended-twice", statements.ENDED_TWICE, "It ended {times} times."),
    Invariant(
        "I2",
        "illegal-move",
        statements.ILLEGAL_MOVE,
        "Its event {seq} says that it went from {source} to {target}, which is no legal move.",
    ),
    Invariant(
        "I2",
        "history-differs",
        statements.HISTORY_DIFFERS,
        "Its row says {row}, the last move of its history {history}.",
    ),
    Invariant(
        "I2",
        "run-contradicts",
        statements.RUN_CONTRADICTS,
        "Its times, output or error do not fit its status, {status}.",
    ),
    Invariant(
        "I2",
        "step-contradicts",
        statements.STEP_CONTRADICTS,
        "Its lease, times, outcome or error do not fit its status, {status}.",
    ),
    Invariant(
        "I2",
        "failure-unhandled",
        statements.FAILURE_UNHANDLED,
        "The run succeeded although this step was {status} and nothing handles that.",
    ),
    Invariant(
        "I4",
        "never-settled",
        statements.NEVER_SETTLED,
        "The run has ended, and whether this step was to run was never decided.",
    ),
    Invariant(
        "I4",
        "started-otherwise",
        statements.STARTED_OTHERWISE,
        "It was started {starts} times on {claims} leases.",
    ),
    Invariant(
        "I5",
        "tries-unleased",
        statements.TRIES_UNLEASED,
        "It has records of {tries} tries on {claims} leases.",
    ),
    Invariant(
        "I6",
        "after-end",
        statements.AFTER_END,
        "The run had ended, and then came event {seq}, {kind}.",
    ),
    Invariant(
        "I6",
        "history-gap",
        statements.HISTORY_GAP,
        "Its history has {events} events, and the newest is number {last_seq}.",
    ),
    _open(
        "I6",
        "claimable-after-end",
        statements.CLAIMABLE_AFTER_END,
        "It is {status}, and its run has ended: {run}.",
    ),
    Invariant(
        "I6",
        "waits-after-end",
        statements.WAITS_AFTER_END,
        "It is {status}, and its run has ended: {run}.",
    ),
    Invariant(
        "I7",
        "other-tenant",
        statements.OTHER_TENANT,
        "It is part of a run of another tenant, {owner}.",
    ),
    Invariant(
        "I7",
        "other-tenants-version",
        statements.OTHER_TENANTS_VERSION,
        "It runs a version of another tenant, {owner}.",
    ),
    _open(
        "I8",
        "lease-over",
        statements.LEASE_OVER,
        "Its lease ended {seconds} s ago and it is still running.",
        Repair.RELEASE,
    ),
    _open(
        "I8",
        "worker-gone",
        statements.WORKER_GONE,
        "It is still running, and its worker {worker} is gone.",
        Repair.RELEASE,
    ),
)
# Those that Python judges (executions/invariants/looking.py).
UNCLAIMED = _open(
    "I1",
    "unclaimed",
    progress.UNCLAIMED,
    "It has been ready for {seconds} s and no worker is at work.",
    Repair.WAKE,
)
UNBEGUN = _open(
    "I1",
    "unbegun",
    progress.UNBEGUN,
    "It may begin since {seconds} s and no worker is at work.",
    Repair.WAKE,
)
BEGUN_EARLY = Invariant(
    "I3", "begun-early", statements.BEGINNINGS, "It began before its edges let it."
)
