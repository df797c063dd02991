"""What must be true of every run at every time, however it was driven.

`check` reads the rows and the history of one execution and compares them with each other, with the
tables of legal moves and with the definition. It knows nothing of the engine's code. The numbers
are those of the reliability tests: I2 one end a step, I3 no step before its edges say so, I4 a join
fires once, I6 nothing after the end, I7 one tenant. `check_ended` adds I1: it has ended.
`check_family` looks also at the runs that its steps started, and at theirs.
"""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

from executions.models import Event, Execution, StepRun
from executions.states import (
    EXECUTION_ENDED,
    EXECUTION_MOVES,
    STEP_ENDED,
    STEP_MOVES,
    ExecutionStatus,
    StepStatus,
)
from tenants import scope
from workflows.bodies import body_of
from workflows.definition import Definition, Need, Step, parse

# Events of a step that are no move of it.
TOLD = {"step.log", "step.answered"}
BEGUN = {"step.queued", "step.started"}
REUSED = "step.reused"
ENDS = {status.value for status in EXECUTION_ENDED}

# Of steps that have ended: status and outcome.
Ends = dict[str, tuple[str, str | None]]


def check_ended(execution_id: UUID) -> ExecutionStatus:
    """Assert all invariants, and that the execution has ended; returns how."""
    status = check(execution_id)
    assert status in EXECUTION_ENDED, f"the execution is still {status}"
    return status


def check_family(execution_id: UUID) -> None:
    """Assert all invariants of a run that has ended, and that every run that it began has ended."""
    check_ended(execution_id)
    with scope.operator("a test looks at a run"):
        rows = Execution.objects.filter(parent_id=execution_id)
        children = list(rows.values_list("id", flat=True))
    for child in children:
        check_family(child)


def check(execution_id: UUID) -> ExecutionStatus:
    """Assert all invariants of an execution; returns its status."""
    with scope.operator("a test looks at a run"):
        execution = Execution.objects.select_related("version").get(id=execution_id)
        steps = {step.key: step for step in StepRun.objects.filter(execution_id=execution_id)}
        events = list(Event.objects.filter(execution_id=execution_id).order_by("seq"))
        owners = {row.tenant_id for row in (*steps.values(), *events)}
    definition = _definition(execution)
    assert owners <= {execution.tenant_id}  # I7
    _check_history(execution, events)
    _check_execution(execution, events)
    for step in steps.values():
        _check_row(step)
        _check_moves(step, [event for event in events if event.step == step.key])
    _check_order(definition, events, steps)
    _check_end(execution, definition, steps)
    return ExecutionStatus(execution.status)


def _definition(execution: Execution) -> Definition:
    """The version's, or that of the body which an item runs."""
    definition, problems = parse(execution.version.definition)
    assert definition is not None, problems
    if execution.item_index is None:
        return definition
    return body_of(definition, str(execution.parent_step))


def _check_history(execution: Execution, events: list[Event]) -> None:
    assert [event.seq for event in events] == list(range(1, execution.last_seq + 1))
    assert events[0].kind == "execution.created"
    ends = [event.seq for event in events if event.kind.removeprefix("execution.") in ENDS]
    assert len(ends) <= 1, "the execution ended twice"
    assert all(seq == execution.last_seq for seq in ends), "something happened after the end"  # I6


def _check_execution(execution: Execution, events: list[Event]) -> None:
    status = ExecutionStatus.QUEUED
    for event in events[1:]:
        if event.step is None:
            target = ExecutionStatus(event.kind.removeprefix("execution."))
            assert target in EXECUTION_MOVES[status], f"{status} to {target}"
            status = target
    assert status == execution.status, "the history and the row differ"
    ended, active = status in EXECUTION_ENDED, status is ExecutionStatus.RUNNING
    assert (execution.finished_at is not None) == ended
    assert (execution.active_since is not None) == active
    assert (execution.deadline_at is not None) == active
    assert execution.active_seconds >= 0
    assert not (execution.held and execution.started_at), "it began before its turn"
    if ended and status is not ExecutionStatus.SUCCEEDED:
        assert isinstance(execution.error, dict)
        assert execution.error["kind"]
        assert execution.error["message"]
    else:
        assert execution.error is None
    if status is not ExecutionStatus.SUCCEEDED:
        assert execution.output is None


def _check_row(step: StepRun) -> None:
    status = StepStatus(step.status)
    leased = status is StepStatus.RUNNING
    assert (step.lease_until is not None) == leased, step.key
    assert (step.worker_id is not None) == leased, step.key
    if status is not StepStatus.WAITING:  # for a time, or for somebody
        claimable = status in (StepStatus.QUEUED, StepStatus.RETRYING)
        assert (step.due_at is not None) == claimable, step.key
    if status is StepStatus.WAITING or status in STEP_ENDED:
        assert (step.wait is not None) == (status is StepStatus.WAITING), step.key
    assert (step.finished_at is not None) == (status in STEP_ENDED), step.key
    assert step.started_at is not None or not step.claims, step.key
    assert step.fence == step.claims, step.key
    assert step.attempt <= step.claims, step.key
    assert (step.outcome is not None) == (status in (StepStatus.SUCCEEDED, StepStatus.FAILED)), (
        step.key
    )
    if status is StepStatus.FAILED:
        assert step.error
        assert step.outcome == "failure"
    if status is StepStatus.SUCCEEDED:
        assert step.error is None


def _check_moves(step: StepRun, events: list[Event]) -> None:
    """I2: replay the history of a step; it comes out where the row stands."""
    moves = [event.kind for event in events if event.kind not in TOLD]
    if REUSED in moves:
        assert moves == [REUSED], f"{step.key} was taken over and ran too"
        assert step.status in STEP_ENDED, step.key
        assert (step.claims, step.attempts) == (0, []), step.key
        return
    status = StepStatus.PENDING
    for kind in moves:
        said = kind.removeprefix("step.")
        target = StepStatus.RUNNING if said == "started" else StepStatus(said)
        assert target in STEP_MOVES[status], f"{step.key}: {status} to {target}"
        status = target
    assert status == step.status, f"{step.key}: the history says {status}, the row {step.status}"
    assert moves.count("step.started") == step.claims, step.key  # I4: each start is a lease
    in_hand = step.status == StepStatus.RUNNING
    called_off_in_hand = moves[-2:] == ["step.started", "step.cancelled"]
    recorded = step.claims - (in_hand or called_off_in_hand) - _waits_again(moves)
    assert len(step.attempts) == recorded + _failed_unseen(moves), step.key


def _waits_again(moves: list[str]) -> int:
    """How often it went on to wait when a wait was over: of those tries only the first is kept."""
    again, waited = 0, False
    for before, kind in pairwise(moves):
        again += waited and kind == "step.waiting"
        if kind == "step.waiting":
            waited = True
        elif (before, kind) == ("step.waiting", "step.retrying"):
            waited = False  # what it waited for failed: it begins anew
    return again


def _failed_unseen(moves: list[str]) -> int:
    """How often it failed while nobody ran it: what it waited for did, or somebody says so."""
    return sum(
        before in ("step.waiting", "step.unknown") and after in ("step.retrying", "step.failed")
        for before, after in pairwise(moves)
    )


def _check_order(definition: Definition, events: list[Event], rows: dict[str, StepRun]) -> None:
    """I3: when a step began, its edges said so. Told from the events that came before."""
    ended: Ends = {}
    begun: set[str] = set()
    steps = {step.key: step for step in definition.steps}
    for event in events:
        if event.step is None:
            continue
        assert event.step in steps
        if event.kind in BEGUN and event.step not in begun:
            begun.add(event.step)
            assert may_begin(steps[event.step], ended), f"{event.step} began too early"
        status = event.kind.removeprefix("step.")
        if event.kind == REUSED:
            ended[event.step] = (rows[event.step].status, rows[event.step].outcome)
        elif status in ("succeeded", "failed", "skipped", "cancelled"):
            outcome = (event.data or {}).get("outcome") if status == "succeeded" else None
            ended[event.step] = (status, outcome)


def may_begin(step: Step, ended: Ends) -> bool:
    """Whether the edges into a step let it begin, by what has ended so far."""
    edges = [is_taken(need, ended.get(need.step)) for need in step.needs]
    if not edges:
        return True
    if step.join == "first":
        return True in edges
    if step.join == "every":
        return all(edges)
    return None not in edges and True in edges


def is_taken(need: Need, end: tuple[str, str | None] | None) -> bool | None:
    """True: taken; False: dead; None: its source, which ended so, has not ended yet."""
    if end is None:
        return None
    status, outcome = end
    if status == "succeeded":
        return need.outcome in ("always", outcome)
    return status == "failed" and need.outcome in ("always", "failure")


def _check_end(execution: Execution, definition: Definition, steps: dict[str, StepRun]) -> None:
    if execution.status not in ENDS:
        return
    if (execution.error or {}).get("kind") == "dropped":
        assert not steps, "it was not to begin"
        return
    assert steps.keys() == {step.key for step in definition.steps}, "a step was left pending"
    left = {key: step.status for key, step in steps.items() if step.status not in STEP_ENDED}
    assert not left, f"the execution has ended and these have not: {left}"
    if execution.status == ExecutionStatus.SUCCEEDED:
        assert not [key for key, step in steps.items() if step.status == StepStatus.CANCELLED]
        for key in (key for key, step in steps.items() if step.status == StepStatus.FAILED):
            assert _handled(definition, key), f"{key} failed, and yet the execution succeeded"


def _handled(definition: Definition, key: str) -> bool:
    needs = [need for step in definition.steps for need in step.needs if need.step == key]
    source = next(step for step in definition.steps if step.key == key)
    return source.continue_on_failure or any(
        need.outcome in ("failure", "always") for need in needs
    )
