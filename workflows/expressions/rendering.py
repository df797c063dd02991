"""Templates inside JSON values: finding them and rendering all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import MAX_VALUE_DEPTH
from workflows.expressions.syntax import holds_expression
from workflows.expressions.template import parse
from workflows.expressions.values import JSON

Path = tuple[str | int, ...]


def templates(value: JSON) -> Iterator[tuple[Path, str]]:
    """The path and source of every text inside a value that holds an expression, valid or not."""
    pending: list[tuple[Path, JSON]] = [((), value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, str):
            if holds_expression(item):
                yield path, item
        elif isinstance(item, dict):
            pending.extend(((*path, key), item[key]) for key in reversed(item))
        elif isinstance(item, list):
            pending.extend(((*path, at), item[at]) for at in reversed(range(len(item))))


def render(value: JSON, scope: Mapping[str, object], budget: Budget | None = None) -> JSON:
    """The value with every template inside it evaluated; the keys of objects stay as they are.

    All templates share one budget. Raises ExpressionError with the `path` of the field.
    """
    return _render(value, scope, budget or Budget(), ())


def _render(value: JSON, scope: Mapping[str, object], budget: Budget, path: Path) -> JSON:
    if len(path) > MAX_VALUE_DEPTH:
        raise ExpressionError(f"The value is nested deeper than {MAX_VALUE_DEPTH}", path=path)
    if isinstance(value, str):
        return _evaluate(value, scope, budget, path)
    if isinstance(value, dict):
        return {key: _render(item, scope, budget, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, scope, budget, (*path, at)) for at, item in enumerate(value)]
    return value


def _evaluate(source: str, scope: Mapping[str, object], budget: Budget, path: Path) -> JSON:
    if not holds_expression(source):
        return source
    try:
        return parse(source).evaluate(scope, budget)
    except ExpressionError as error:
        raise ExpressionError(error.message, source, path) from None
