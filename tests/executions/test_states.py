"""The tables of legal moves, read as a whole."""

from __future__ import annotations

from itertools import product

import pytest

from executions import states
from executions.models import Execution, StepRun
from executions.states import ExecutionStatus, IllegalMoveError, StepStatus

STEP_PAIRS = list(product(StepStatus, StepStatus))
EXECUTION_PAIRS = list(product(ExecutionStatus, ExecutionStatus))
STEP_ENDS = {"succeeded", "failed", "skipped", "cancelled"}
EXECUTION_ENDS = {"succeeded", "failed", "cancelled", "timed_out"}

# A second, independent spelling of the tables, by what a person would say.
STEP_SENTENCES = """
pending: queued running skipped cancelled
queued: running cancelled
running: succeeded failed skipped retrying waiting unknown queued cancelled
retrying: running cancelled
waiting: running retrying succeeded failed cancelled
unknown: queued succeeded failed skipped cancelled
"""
EXECUTION_SENTENCES = """
queued: running failed cancelled
running: waiting succeeded failed cancelled timed_out
waiting: running succeeded failed cancelled
"""


def pairs(sentences: str) -> set[tuple[str, str]]:
    lines = [line.split(": ") for line in sentences.strip().splitlines()]
    return {(source, target) for source, targets in lines for target in targets.split()}


@pytest.mark.parametrize(("source", "target"), STEP_PAIRS)
def test_a_step_makes_the_moves_of_the_table_and_no_other(
    source: StepStatus, target: StepStatus
) -> None:
    if (source, target) in pairs(STEP_SENTENCES):
        assert states.check_step(source, target) is target
    else:
        with pytest.raises(IllegalMoveError, match=f"from {source} to {target}"):
            states.check_step(source, target)


@pytest.mark.parametrize(("source", "target"), EXECUTION_PAIRS)
def test_an_execution_makes_the_moves_of_the_table_and_no_other(
    source: ExecutionStatus, target: ExecutionStatus
) -> None:
    if (source, target) in pairs(EXECUTION_SENTENCES):
        assert states.check_execution(source, target) is target
    else:
        with pytest.raises(IllegalMoveError, match=f"from {source} to {target}"):
            states.check_execution(source, target)


def test_every_status_has_a_row() -> None:
    assert set(states.STEP_MOVES) == set(StepStatus)
    assert set(states.EXECUTION_MOVES) == set(ExecutionStatus)


def test_what_has_ended_never_moves() -> None:
    assert states.STEP_ENDED == STEP_ENDS
    assert states.EXECUTION_ENDED == EXECUTION_ENDS


@pytest.mark.parametrize("status", sorted(set(StepStatus) - STEP_ENDS))
def test_every_open_step_can_be_called_off(status: StepStatus) -> None:
    assert StepStatus.CANCELLED in states.STEP_MOVES[status]


@pytest.mark.parametrize("status", sorted(set(ExecutionStatus) - EXECUTION_ENDS))
def test_every_open_execution_can_be_cancelled(status: ExecutionStatus) -> None:
    assert ExecutionStatus.CANCELLED in states.EXECUTION_MOVES[status]


@pytest.mark.parametrize("status", list(StepStatus))
def test_a_step_is_pending_or_open_or_ended(status: StepStatus) -> None:
    kinds = (status == "pending", status in states.STEP_OPEN, status in states.STEP_ENDED)
    assert kinds.count(True) == 1


def test_what_can_be_claimed_can_be_run() -> None:
    for status in states.STEP_CLAIMABLE:
        assert StepStatus.RUNNING in states.STEP_MOVES[status]


def reachable(moves: dict[StepStatus, frozenset[StepStatus]]) -> set[StepStatus]:
    found, new = {StepStatus.PENDING}, {StepStatus.PENDING}
    while new := {target for source in new for target in moves[source]} - found:
        found |= new
    return found


def test_every_status_of_a_step_can_be_reached() -> None:
    assert reachable(states.STEP_MOVES) == set(StepStatus)


def test_the_database_knows_the_same_statuses() -> None:
    steps = StepRun._meta.get_field("status")
    executions = Execution._meta.get_field("status")
    assert [value for value, _ in steps.choices or ()] == list(StepStatus)
    assert [value for value, _ in executions.choices or ()] == list(ExecutionStatus)
    for field, statuses in ((steps, StepStatus), (executions, ExecutionStatus)):
        assert max(map(len, statuses)) <= (field.max_length or 0)
