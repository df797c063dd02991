"""Arguments that must have a type: each function returns the value or raises a user's sentence."""

from __future__ import annotations

from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.values import kind


def text(value: object, what: str) -> str:
    """A text."""
    if isinstance(value, str):
        return value
    raise ExpressionError(f"{what} must be a text, not {kind(value)}")


def number(value: object, what: str) -> int | float:
    """A number; true and false count as 1 and 0, as in Jinja."""
    if isinstance(value, int | float):
        return value
    raise ExpressionError(f"{what} must be a number, not {kind(value)}")


def whole(value: object, what: str, low: int | None = None, high: int | None = None) -> int:
    """A whole number between `low` and `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExpressionError(f"{what} must be a whole number, not {kind(value)}")
    if (low is not None and value < low) or (high is not None and value > high):
        raise ExpressionError(f"{what} must be between {low} and {high}")
    return value


def mapping(value: object, what: str) -> dict[str, object]:
    """An object."""
    if isinstance(value, dict):
        return value
    raise ExpressionError(f"{what} must be an object, not {kind(value)}")


def items(budget: Budget, value: object, what: str) -> list[object]:
    """The items of a list, the characters of a text or the keys of an object."""
    if isinstance(value, list):
        return value
    if isinstance(value, str | dict):
        budget.items(len(value))
        return list(value)
    raise ExpressionError(f"{what} must be a list, not {kind(value)}")
