"""The states of an execution and of a step run, and every legal move between them.

The tables are the only truth about moves: the engine's writes and the tests read them.
"""

from __future__ import annotations

from enum import StrEnum


class ExecutionStatus(StrEnum):
    """Where one run of a version stands."""

    QUEUED = "queued"  # stored; no worker has taken a step of it yet
    RUNNING = "running"  # a step is running or ready to run
    WAITING = "waiting"  # every open step waits: for a retry's time, a person, a call
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"  # used up its active time


class StepStatus(StrEnum):
    """Where one step of an execution stands. A step without a row is pending."""

    PENDING = "pending"  # its edges are not settled yet
    QUEUED = "queued"  # ready; any worker may claim it
    RUNNING = "running"  # under a worker's lease
    RETRYING = "retrying"  # failed in a way worth another try, at due_at
    WAITING = "waiting"  # for a time, a call or a child
    UNKNOWN = "unknown"  # was sent, the answer is not known: needs attention
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # no edge into it was taken, or its guard was false
    CANCELLED = "cancelled"


# What starts an execution. An `item` is of a for_each; a `failure` is handled by `on_failure`; a
# `workflow` is one whose run ended, to which the started one subscribes.
TRIGGERS = (
    "webhook",
    "schedule",
    "manual",
    "api",
    "sub_workflow",
    "workflow",
    "item",
    "failure",
    "resume",
    "replay",
)

_E, _S = ExecutionStatus, StepStatus

EXECUTION_MOVES: dict[ExecutionStatus, frozenset[ExecutionStatus]] = {
    _E.QUEUED: frozenset({_E.RUNNING, _E.FAILED, _E.CANCELLED}),
    _E.RUNNING: frozenset({_E.WAITING, _E.SUCCEEDED, _E.FAILED, _E.CANCELLED, _E.TIMED_OUT}),
    _E.WAITING: frozenset({_E.RUNNING, _E.SUCCEEDED, _E.FAILED, _E.CANCELLED}),
    _E.SUCCEEDED: frozenset(),
    _E.FAILED: frozenset(),
    _E.CANCELLED: frozenset(),
    _E.TIMED_OUT: frozenset(),
}

STEP_MOVES: dict[StepStatus, frozenset[StepStatus]] = {
    _S.PENDING: frozenset({_S.QUEUED, _S.RUNNING, _S.SKIPPED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset(
        {
            _S.SUCCEEDED,
            _S.FAILED,
            _S.SKIPPED,
            _S.RETRYING,
            _S.WAITING,
            _S.UNKNOWN,
            _S.QUEUED,  # its lease was lost before anything could have been sent
            _S.CANCELLED,
        }
    ),
    _S.RETRYING: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.WAITING: frozenset(
        {
            _S.RUNNING,  # its time has come
            _S.RETRYING,  # what it waited for failed
            _S.SUCCEEDED,
            _S.FAILED,
            _S.CANCELLED,
        }
    ),
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.CANCELLED: frozenset(),
}

EXECUTION_ENDED = frozenset(status for status, moves in EXECUTION_MOVES.items() if not moves)
EXECUTION_OPEN = frozenset(ExecutionStatus) - EXECUTION_ENDED
STEP_ENDED = frozenset(status for status, moves in STEP_MOVES.items() if not moves)
# Steps that a worker may claim once their time has come.
STEP_CLAIMABLE = frozenset({_S.QUEUED, _S.RETRYING, _S.WAITING})
# Steps that keep an execution from having ended.
STEP_OPEN = frozenset(_S) - STEP_ENDED - {_S.PENDING}


class IllegalMoveError(ValueError):
    """A move that the table does not know: a programming error."""


def check_step(source: StepStatus, target: StepStatus) -> StepStatus:
    """Return `target` if a step run may move there from `source`, else raise IllegalMoveError."""
    if target not in STEP_MOVES[source]:
        raise IllegalMoveError(f"a step cannot go from {source} to {target}")
    return target


def check_execution(source: ExecutionStatus, target: ExecutionStatus) -> ExecutionStatus:
    """Return `target` if an execution may move there from `source`, else raise IllegalMoveError."""
    if target not in EXECUTION_MOVES[source]:
        raise IllegalMoveError(f"an execution cannot go from {source} to {target}")
    return target
