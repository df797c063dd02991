"""What follows from where a run stands: a pure function of the graph and the steps' states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from executions.states import STEP_ENDED, ExecutionStatus, StepStatus
from workflows.definition import Need
from workflows.graph import Graph

# Steps that hold one of the execution's parallel places; a waiting one holds none.
IN_FLIGHT = frozenset({StepStatus.QUEUED, StepStatus.RUNNING, StepStatus.RETRYING})
# What is called off when the run has failed: all that is open and not in a worker's hands.
CALLED_OFF = frozenset(
    {
        StepStatus.PENDING,
        StepStatus.QUEUED,
        StepStatus.RETRYING,
        StepStatus.WAITING,
        StepStatus.UNKNOWN,
    }
)


class StepState(NamedTuple):
    """A step run as far as decisions go."""

    status: StepStatus
    outcome: str | None = None


PENDING = StepState(StepStatus.PENDING)
States = Mapping[str, StepState]


@dataclass(frozen=True)
class Decision:
    """What is to be done now. Keys are in topological order."""

    status: ExecutionStatus  # of the execution, once the rest of this decision is done
    ready: tuple[str, ...] = ()  # pending steps to start
    skipped: tuple[str, ...] = ()  # pending steps that will never start
    cancelled: tuple[str, ...] = ()  # open or pending steps called off


def decide(graph: Graph, states: States, *, parallel: int) -> Decision:
    """Return what follows from `states`; a step without a state is pending.

    At most `parallel` steps are in flight; those that must wait for a place stay pending. After an
    unhandled failure nothing new starts and running steps are waited for.
    """
    if any(_failed_unhandled(graph, key, state) for key, state in states.items()):
        return _wind_down(graph, states)
    after = {key: state for key, state in states.items() if state.status is not StepStatus.PENDING}
    ready: list[str] = []
    skipped: list[str] = []
    room = parallel - sum(state.status in IN_FLIGHT for state in after.values())
    for key in graph.order:
        # Most steps of a long chain have ended, or wait for one that has not begun.
        if key in after or (graph.sources[key] and graph.sources[key].isdisjoint(after)):
            continue
        starts = _starts(graph, key, after)
        if starts is False:
            after[key] = StepState(StepStatus.SKIPPED)
            skipped.append(key)
        elif starts and room > 0:
            after[key] = StepState(StepStatus.QUEUED)
            ready.append(key)
            room -= 1
    return Decision(_status(graph, after), tuple(ready), tuple(skipped))


def _failed_unhandled(graph: Graph, key: str, state: StepState) -> bool:
    return state.status is StepStatus.FAILED and key not in graph.handles_failure


def _wind_down(graph: Graph, states: States) -> Decision:
    cancelled = tuple(key for key in graph.order if states.get(key, PENDING).status in CALLED_OFF)
    running = any(state.status is StepStatus.RUNNING for state in states.values())
    status = ExecutionStatus.RUNNING if running else ExecutionStatus.FAILED
    return Decision(status, cancelled=cancelled)


def _status(graph: Graph, after: States) -> ExecutionStatus:
    """By what is open; a step that is not in `after` is pending."""
    open_steps = {state.status for state in after.values()} - STEP_ENDED
    if not open_steps and graph.steps.keys() <= after.keys():
        return ExecutionStatus.SUCCEEDED
    if open_steps & {StepStatus.QUEUED, StepStatus.RUNNING}:
        return ExecutionStatus.RUNNING
    return ExecutionStatus.WAITING


def _starts(graph: Graph, key: str, states: States) -> bool | None:
    """True: start it; False: it will never start; None: its edges do not say yet."""
    edges = graph.incoming[key]
    if not edges:
        return True
    into = (taken(need, states) for need in edges)
    match graph.steps[key].join:
        case "first":
            return _first(into)
        case "every":
            return _every(into)
        case _:
            return _settled(into)


def _settled(edges: Iterable[bool | None]) -> bool | None:
    any_taken = False
    for edge in edges:
        if edge is None:
            return None
        any_taken = any_taken or edge
    return any_taken


def _first(edges: Iterable[bool | None]) -> bool | None:
    answer: bool | None = False
    for edge in edges:
        if edge:
            return True
        if edge is None:
            answer = None
    return answer


def _every(edges: Iterable[bool | None]) -> bool | None:
    answer: bool | None = True
    for edge in edges:
        if edge is False:
            return False
        if edge is None:
            answer = None
    return answer


def taken(need: Need, states: States) -> bool | None:
    """True: the edge is taken; False: it is dead; None: its source has not ended."""
    status, outcome = states.get(need.step, PENDING)
    match status:
        case StepStatus.SUCCEEDED:
            return need.outcome in (outcome, "always")
        case StepStatus.FAILED:
            return need.outcome in ("failure", "always")
        case StepStatus.SKIPPED | StepStatus.CANCELLED:
            return False
        case _:
            return None
