"""What the compiler applies by itself: the function range() and the settings of `default`."""

from __future__ import annotations

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError


def number_range(
    budget: Budget, value: object, start: object, stop: object = None, step: object = 1
) -> object:
    """The whole numbers of `range(start, stop, step)` as a list; `value` is not used."""
    bounds = (start, stop, step) if stop is not None else (0, start, step)
    first, last, stride = (expect.whole(bound, "A bound of range()") for bound in bounds)
    if stride == 0:
        raise ExpressionError("The step of range() must not be 0")
    budget.items(max(0, -((first - last) // stride)))
    return list(range(first, last, stride))


def default_settings(
    budget: Budget, value: object, default_value: object = "", boolean: object = False
) -> object:
    """The arguments of `default`, with the names and defaults they have in Jinja."""
    return default_value, boolean
