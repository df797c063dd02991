"""Filters on numbers, and from text to numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from workflows.expressions import expect
from workflows.expressions.access import follow, members
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import MAX_INT_BITS
from workflows.expressions.values import checked_number

_MAX_DIGITS = 1_300
"""A few more than the decimal digits of the largest whole number."""


def _int(budget: Budget, value: object, default: object = 0, base: object = 10) -> object:
    """The whole number that a value holds, else `default`."""
    radix = expect.whole(base, "The base of int", 2, 36)
    try:
        number = _whole(budget, value, radix)
    except (ValueError, OverflowError):
        return default
    return default if number is None else checked_number(number)


def _whole(budget: Budget, value: object, base: int) -> int | None:
    if isinstance(value, int | float):
        return int(value)
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    budget.digits(4 * len(value))
    try:
        return int(value, base)
    except ValueError:
        return int(float(value))


def _float(budget: Budget, value: object, default: object = 0.0) -> object:
    """The number that a value holds as a float, else `default`; infinity and NaN are no numbers."""
    if not isinstance(value, int | float) and not (
        isinstance(value, str) and len(value) <= _MAX_DIGITS
    ):
        return default
    budget.step(1 + len(value) // 8 if isinstance(value, str) else 1)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return default
    return number if math.isfinite(number) else default


def _round(
    budget: Budget, value: object, precision: object = 0, method: object = "common"
) -> object:
    """Rounded to `precision` decimals: `common` (half to even), `ceil` or `floor`."""
    number = expect.number(value, "What round rounds")
    places = expect.whole(precision, "The precision of round", -30, 30)
    if method == "common":
        return checked_number(round(number, places))
    if method not in ("ceil", "floor"):
        raise ExpressionError("The method of round must be 'common', 'ceil' or 'floor'")
    factor = 10**places
    towards = math.ceil if method == "ceil" else math.floor
    return checked_number(towards(number * factor) / factor)


def _abs(budget: Budget, value: object) -> object:
    return abs(expect.number(value, "The value of abs"))


def _sum(budget: Budget, value: object, attribute: object = None, start: object = 0) -> object:
    """The sum of a list of numbers, or of one member of each of its items."""
    total = expect.number(start, "The start of sum")
    values = expect.items(budget, value, "What sum adds up")
    path = () if attribute is None else members(attribute, "sum")
    budget.step(len(values))
    for item in values:
        total += expect.number(follow(item, path, "sum"), "Every item that sum adds up")
        if isinstance(total, int) and total.bit_length() > MAX_INT_BITS:
            break
    return checked_number(total)


NUMBERS: dict[str, Callable[..., object]] = {
    "abs": _abs,
    "float": _float,
    "int": _int,
    "round": _round,
    "sum": _sum,
}
