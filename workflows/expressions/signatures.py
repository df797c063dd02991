"""Whether arguments fit a filter, a test or a method."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from inspect import Signature, signature

from workflows.expressions.errors import ExpressionError


@cache
def _signature(function: Callable[..., object]) -> Signature:
    return signature(function)


def check_arguments(
    what: str, function: Callable[..., object], positional: int, keywords: Collection[str]
) -> None:
    """Raise ExpressionError unless `function(budget, value, ...)` takes these arguments."""
    try:
        _signature(function).bind(*[None] * (positional + 2), **dict.fromkeys(keywords))
    except TypeError as error:
        raise ExpressionError(f"The arguments of {what} do not fit: {error}") from None
