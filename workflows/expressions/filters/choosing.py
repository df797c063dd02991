"""Filters that apply another filter or a test to every item of a list."""

from __future__ import annotations

from collections.abc import Callable

from workflows.expressions import expect, hints
from workflows.expressions.access import ABSENT, follow, follow_or, members
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.filters.plain import PLAIN
from workflows.expressions.predicates import PREDICATES
from workflows.expressions.signatures import check_arguments


def _start(budget: Budget, value: object, what: str) -> list[object]:
    values = expect.items(budget, value, f"What {what} goes through")
    budget.step(2 * len(values))
    budget.items(len(values))
    return values


def _map(
    budget: Budget,
    value: object,
    name: object = None,
    *arguments: object,
    attribute: object = None,
    default: object = ABSENT,
    **keywords: object,
) -> object:
    """One member of every item (`attribute`, `default`), or every item through a filter."""
    values = _start(budget, value, "map")
    if name is None:
        return _members(values, attribute, default)
    function = PLAIN.get(expect.text(name, "The filter of map"))
    if function is None:
        raise ExpressionError(hints.unknown("filter", str(name), PLAIN))
    if attribute is not None:
        keywords["attribute"] = attribute
    if default is not ABSENT:
        keywords["default"] = default
    check_arguments(f"the filter '{name}'", function, len(arguments), keywords)
    return [_apply(budget, function, item, arguments, keywords) for item in values]


def _members(values: list[object], attribute: object, default: object) -> list[object]:
    if attribute is None:
        raise ExpressionError("map needs a filter's name or an attribute")
    path = members(attribute, "map")
    if default is ABSENT:
        return [follow(item, path, "map") for item in values]
    return [follow_or(item, path, default) for item in values]


def _apply(
    budget: Budget,
    function: Callable[..., object],
    item: object,
    arguments: tuple[object, ...],
    keywords: dict[str, object],
) -> object:
    try:
        return function(budget, item, *arguments, **keywords)
    except Missing as missing:
        raise ExpressionError(missing.sentence()) from None


def _passes(
    budget: Budget, name: object, arguments: tuple[object, ...]
) -> Callable[[object], bool]:
    if name is None:
        return bool
    if name == "defined":
        return lambda item: item is not ABSENT
    if name == "undefined":
        return lambda item: item is ABSENT
    function = PREDICATES.get(expect.text(name, "The name of a test"))
    if function is None:
        raise ExpressionError(hints.unknown("test", str(name), PREDICATES))
    check_arguments(f"the test '{name}'", function, len(arguments), ())
    return lambda item: bool(function(budget, item, *arguments))


def _choosing(what: str, keep: bool) -> Callable[..., object]:
    def apply(budget: Budget, value: object, name: object = None, *arguments: object) -> object:
        values = _start(budget, value, what)
        passes = _passes(budget, name, arguments)
        return [item for item in values if passes(item) is keep]

    return apply


def _choosing_by_member(what: str, keep: bool) -> Callable[..., object]:
    def apply(
        budget: Budget,
        value: object,
        attribute: object,
        name: object = None,
        *arguments: object,
    ) -> object:
        values = _start(budget, value, what)
        passes = _passes(budget, name, arguments)
        path = members(attribute, what)
        if name in ("defined", "undefined"):
            return [item for item in values if passes(follow_or(item, path, ABSENT)) is keep]
        return [item for item in values if passes(follow(item, path, what)) is keep]

    return apply


CHOOSING: dict[str, Callable[..., object]] = {
    "map": _map,
    "reject": _choosing("reject", keep=False),
    "rejectattr": _choosing_by_member("rejectattr", keep=False),
    "select": _choosing("select", keep=True),
    "selectattr": _choosing_by_member("selectattr", keep=True),
}
