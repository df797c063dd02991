"""The filter of a subscription: an expression over the run that has ended, as `event`. Pure.

The web process only checks a filter; it is evaluated in workers.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflows import expressions
from workflows.expressions import ExpressionError
from workflows.problems import hint

MAX_LENGTH = 2_000
# How a run ends, as executions/states.py has it.
ENDS = ("succeeded", "failed", "cancelled", "timed_out")
# What became of an event: the workflow was started; its filter said no, or could not be evaluated;
# the workflow would not take it.
REACTIONS = ("started", "filtered", "filter_failed", "refused")
MEMBERS: dict[str, tuple[str, ...]] = {
    "execution": (
        "id",
        "url",
        "workflow",
        "version",
        "status",
        "trigger",
        "created_at",
        "finished_at",
    ),
    "output": (),
    "step": (),
    "error": (),
}
"""What an event has; what is in its output and error is anybody's."""


def problem(source: str) -> str:
    """Why this cannot be a filter, in a sentence; empty if it can, or if there is none."""
    if not source:
        return ""
    try:
        template = expressions.parse(source)
    except ExpressionError as error:
        return f"{error.message}."
    if template.is_constant:
        return 'This must be an expression, such as "{{ event.output.total > 100 }}".'
    wrong = (_wrong_name(reference) for reference in sorted(template.references))
    return next(filter(None, wrong), "")


def passes(source: str, event: Mapping[str, object]) -> bool:
    """Whether an event is let through. Raises ExpressionError, also if it is neither true nor
    false."""
    if not source:
        return True
    value = expressions.parse(source).evaluate({"event": event})
    if not isinstance(value, bool):
        raise ExpressionError("The filter must be true or false", source)
    return value


def _wrong_name(reference: tuple[str, ...]) -> str:
    root, *rest = reference
    if root != "event":
        return f'There is no "{root}" here, only "event".'
    if rest and rest[0] not in MEMBERS:
        return f'"event" has no "{rest[0]}".{hint(rest[0], MEMBERS)}'
    if len(rest) > 1 and MEMBERS[rest[0]] and rest[1] not in MEMBERS[rest[0]]:
        return f'"event.{rest[0]}" has no "{rest[1]}".{hint(rest[1], MEMBERS[rest[0]])}'
    return ""
