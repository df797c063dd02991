"""Filters that compare the items of a list: sort, unique, smallest and largest.

Text is compared without regard to case unless `case_sensitive`, as in Jinja.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflows.expressions import expect
from workflows.expressions.access import follow, members
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.methods import entries
from workflows.expressions.values import kind

# Numbers or texts, never both in one list: the one kind of key that Python can order.
Key = Any


def _key(value: object, case_sensitive: object, what: str) -> Key:
    if isinstance(value, str):
        return value if case_sensitive else value.lower()
    if isinstance(value, int | float):
        return value
    raise ExpressionError(f"{what} compares numbers or texts, not {kind(value)}")


def _keys(
    budget: Budget, values: list[object], attribute: object, case_sensitive: object, what: str
) -> list[Key]:
    budget.step(len(values))
    path = () if attribute is None else members(attribute, what)
    read = [follow(item, path, what) for item in values]
    budget.items(len(read))
    characters = sum(len(item) for item in read if isinstance(item, str))
    budget.allocate(characters)
    # Sorting looks at an item some log2(n) times.
    budget.scan(characters * len(read).bit_length())
    return [_key(item, case_sensitive, what) for item in read]


def _comparable(keys: list[Key], what: str) -> list[Key]:
    texts = sum(isinstance(key, str) for key in keys)
    if texts not in (0, len(keys)):
        raise ExpressionError(f"{what} cannot compare texts with numbers")
    return keys


def _sorted(budget: Budget, values: list[object], keys: list[Key], reverse: object) -> list[object]:
    budget.step(len(values) * len(values).bit_length() // 8)
    budget.items(2 * len(values))
    order = sorted(range(len(values)), key=keys.__getitem__, reverse=bool(reverse))
    return [values[at] for at in order]


def _sort(
    budget: Budget,
    value: object,
    reverse: object = False,
    case_sensitive: object = False,
    attribute: object = None,
) -> object:
    values = expect.items(budget, value, "What sort sorts")
    keys = _comparable(_keys(budget, values, attribute, case_sensitive, "sort"), "sort")
    return _sorted(budget, values, keys, reverse)


def _dictsort(
    budget: Budget,
    value: object,
    case_sensitive: object = False,
    by: object = "key",
    reverse: object = False,
) -> object:
    """The [key, value] pairs of an object, sorted by key or by value."""
    if by not in ("key", "value"):
        raise ExpressionError("dictsort sorts by 'key' or by 'value'")
    pairs = entries(budget, value)
    position = 0 if by == "key" else 1
    keys = _comparable(_keys(budget, pairs, position, case_sensitive, "dictsort"), "dictsort")
    return _sorted(budget, pairs, keys, reverse)


def _unique(
    budget: Budget, value: object, case_sensitive: object = False, attribute: object = None
) -> object:
    values = expect.items(budget, value, "What unique looks at")
    keys = _keys(budget, values, attribute, case_sensitive, "unique")
    firsts: dict[Key, object] = {}
    for key, item in zip(keys, values, strict=True):
        firsts.setdefault(key, item)
    return list(firsts.values())


def _extreme(
    name: str, choose: Callable[..., int]
) -> Callable[[Budget, object, object, object], object]:
    def apply(
        budget: Budget, value: object, case_sensitive: object = False, attribute: object = None
    ) -> object:
        values = expect.items(budget, value, f"What {name} looks at")
        if not values:
            raise Missing(0, lambda: f"The {name} of an empty list is undefined")
        keys = _comparable(_keys(budget, values, attribute, case_sensitive, name), name)
        return values[choose(range(len(values)), key=keys.__getitem__)]

    return apply


ORDERING: dict[str, Callable[..., object]] = {
    "dictsort": _dictsort,
    "max": _extreme("max", max),
    "min": _extreme("min", min),
    "sort": _sort,
    "unique": _unique,
}
