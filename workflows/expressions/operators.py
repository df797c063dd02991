"""Arithmetic, comparison and joining of values, each paid for before it runs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import MAX_INT_BITS
from workflows.expressions.values import checked_number, contains, equal, kind, to_text

Operator = Callable[[Budget, object, object], object]


def _cannot(sign: str, left: object, right: object, advice: str = "") -> ExpressionError:
    return ExpressionError(f"'{sign}' does not work on {kind(left)} and {kind(right)}{advice}")


def _numeric(sign: str, operate: Callable[[int | float, int | float], int | float]) -> Operator:
    def apply(budget: Budget, left: object, right: object) -> object:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise _cannot(sign, left, right)
        return checked_number(operate(left, right))

    return apply


def add(budget: Budget, left: object, right: object) -> object:
    """The sum of two numbers, or two texts or two lists one after the other."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return checked_number(left + right)
    if isinstance(left, str) and isinstance(right, str):
        budget.text(len(left) + len(right))
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        budget.items(len(left) + len(right))
        return left + right
    raise _cannot("+", left, right, "; to join values as text, use ~")


def multiply(budget: Budget, left: object, right: object) -> object:
    """The product of two numbers, or a text or list repeated."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(left, int) and isinstance(right, int):
            _check_product(left, right)
        return checked_number(left * right)
    if isinstance(left, int) and isinstance(right, str | list):
        left, right = right, left
    if isinstance(left, str | list) and isinstance(right, int):
        length = len(left) * max(right, 0)
        if isinstance(left, str):
            budget.text(length)
        else:
            budget.items(length)
        return left * right
    raise _cannot("*", left, right)


def _check_product(left: int, right: int) -> None:
    if left.bit_length() + right.bit_length() > MAX_INT_BITS + 1:
        raise ExpressionError(f"A whole number may not be larger than {MAX_INT_BITS} bits")


def concat(budget: Budget, values: list[object]) -> str:
    """The values as text, one after the other (`~`)."""
    parts = [to_text(budget, value) for value in values]
    budget.text(sum(map(len, parts)))
    return "".join(parts)


def _ordering(sign: str, compare: Callable[[Any, Any], bool]) -> Operator:
    def apply(budget: Budget, left: object, right: object) -> object:
        if isinstance(left, str) and isinstance(right, str):
            budget.scan(min(len(left), len(right)))
        elif not isinstance(left, int | float) or not isinstance(right, int | float):
            raise _cannot(sign, left, right)
        return compare(left, right)

    return apply


def _not_equal(budget: Budget, left: object, right: object) -> object:
    return not equal(budget, left, right)


def _not_contained(budget: Budget, item: object, container: object) -> object:
    return not contains(budget, item, container)


subtract = _numeric("-", operator.sub)
divide = _numeric("/", operator.truediv)
floor_divide = _numeric("//", operator.floordiv)
modulo = _numeric("%", operator.mod)

COMPARISONS: dict[str, Operator] = {
    "eq": equal,
    "ne": _not_equal,
    "lt": _ordering("<", operator.lt),
    "lteq": _ordering("<=", operator.le),
    "gt": _ordering(">", operator.gt),
    "gteq": _ordering(">=", operator.ge),
    "in": contains,
    "notin": _not_contained,
}


def negate(value: object) -> object:
    """`-value` of a number."""
    if isinstance(value, int | float):
        return -value
    raise ExpressionError(f"'-' does not work on {kind(value)}")


def affirm(value: object) -> object:
    """`+value` of a number."""
    if isinstance(value, int | float):
        return +value
    raise ExpressionError(f"'+' does not work on {kind(value)}")
