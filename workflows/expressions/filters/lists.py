"""Filters on lists; a text counts as its characters, an object as its keys."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.limits import MAX_VALUE
from workflows.expressions.methods import entries
from workflows.expressions.values import kind


def _length(budget: Budget, value: object) -> object:
    if isinstance(value, str | list | dict):
        return len(value)
    raise ExpressionError(f"Only a text, a list or an object has a length, not {kind(value)}")


def _first(budget: Budget, value: object) -> object:
    if isinstance(value, str | list | dict):
        for item in islice(value, 1):
            return item
        raise Missing(0, lambda: f"The first item is undefined: {kind(value)} is empty")
    raise ExpressionError(f"first needs a list, not {kind(value)}")


def _last(budget: Budget, value: object) -> object:
    if isinstance(value, str | list | dict):
        for item in islice(reversed(value), 1):
            return item
        raise Missing(0, lambda: f"The last item is undefined: {kind(value)} is empty")
    raise ExpressionError(f"last needs a list, not {kind(value)}")


def _list(budget: Budget, value: object) -> object:
    return expect.items(budget, value, "The value of list")


def _reverse(budget: Budget, value: object) -> object:
    if isinstance(value, str):
        budget.text(len(value))
        return value[::-1]
    values = expect.items(budget, value, "What reverse reverses")
    budget.items(len(values))
    return values[::-1]


def _items(budget: Budget, value: object) -> object:
    return entries(budget, value)


def _batch(budget: Budget, value: object, linecount: object, fill_with: object = None) -> object:
    """The items in lists of `linecount`; the last is filled up if `fill_with` is not null."""
    values = expect.items(budget, value, "What batch divides")
    size = expect.whole(linecount, "The size of a batch", 1, MAX_VALUE)
    count = -(-len(values) // size)
    budget.step(count)
    budget.items(len(values) + 2 * count + (size if fill_with is not None else 0))
    batches = [values[at : at + size] for at in range(0, len(values), size)]
    if batches and fill_with is not None:
        batches[-1] = batches[-1] + [fill_with] * (size - len(batches[-1]))
    return batches


LISTS: dict[str, Callable[..., object]] = {
    "batch": _batch,
    "count": _length,
    "first": _first,
    "items": _items,
    "last": _last,
    "length": _length,
    "list": _list,
    "reverse": _reverse,
}
