"""Whether a step began when its edges said so (I3), told from its history alone. Pure.

It is written from the language's rules and knows nothing of the engine, whose judge it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflows.definition import Definition, Need, Step

BEGUN = frozenset({"step.queued", "step.started"})
ENDED = frozenset({"step.succeeded", "step.failed", "step.skipped", "step.cancelled"})

# Of steps that have ended: status and outcome.
Ends = dict[str, tuple[str, str | None]]


def begun_early(
    definition: Definition, history: Iterable[tuple[str, str, str | None]]
) -> list[str]:
    """The keys of the steps that began before their edges let them.

    `history` has the kind, the step and the outcome of the events in BEGUN and ENDED, in order.
    """
    steps = {step.key: step for step in definition.steps}
    ended: Ends = {}
    begun: dict[str, bool] = {}
    for kind, key, outcome in history:
        if kind in BEGUN and key not in begun:
            begun[key] = key in steps and may_begin(steps[key], ended)
        elif kind in ENDED:
            ended[key] = (kind.removeprefix("step."), outcome)
    return [key for key, rightly in begun.items() if not rightly]


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
