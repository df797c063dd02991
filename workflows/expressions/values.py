"""JSON values: what they are called, how large they are, how they read as text, when equal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import JSON_CHARACTERS, MAX_INT_BITS, MAX_VALUE, MAX_VALUE_DEPTH

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def kind(value: object) -> str:
    """What users call the type of a value, with its article."""
    return next((name for known, name in _KINDS if isinstance(value, known)), "not a JSON value")


def checked_number(value: int | float) -> int | float:
    """The number itself; raises ExpressionError if it is infinite, NaN or beyond 4096 bits."""
    if isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            raise ExpressionError(f"A whole number may not be larger than {MAX_INT_BITS} bits")
    elif not math.isfinite(value):
        raise ExpressionError("A number became infinite or is not a number (NaN)")
    return value


def measure(value: object, limit: int) -> int:
    """About how many characters a value has as JSON; everything inside it is checked on the way.

    Raises ExpressionError as soon as the size is beyond `limit`, or for what JSON cannot hold.
    """
    total = 0
    open_values: list[Iterator[object]] = [iter((value,))]
    while open_values:
        for item in open_values[-1]:
            total += _own_size(item)
            if total > limit:
                raise ExpressionError(f"The value is larger than {limit} characters as JSON")
            if isinstance(item, list | dict):
                if len(open_values) > MAX_VALUE_DEPTH:
                    raise ExpressionError(f"The value is nested deeper than {MAX_VALUE_DEPTH}")
                open_values.append(iter(item.values() if isinstance(item, dict) else item))
                break
        else:
            open_values.pop()
    return total


def _own_size(value: object) -> int:
    """The size of a value without its items."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, int):
        bits = value.bit_length()
        if bits > MAX_INT_BITS:
            checked_number(value)
        return 4 if bits < 2 else 2 + bits // 3
    if value is None:
        return 4
    if isinstance(value, float):
        checked_number(value)
        return 10
    if isinstance(value, list):
        return 2 + len(value)
    if isinstance(value, dict):
        return 2 + sum(map(_key_size, value))
    raise ExpressionError(f"A {type(value).__name__} is not a JSON value")


def _key_size(key: object) -> int:
    if not isinstance(key, str):
        raise ExpressionError(f"The keys of an object must be texts, not {kind(key)}")
    return len(key) + 4


def to_json(budget: Budget, value: object) -> str:
    """The value as compact JSON text."""
    size = measure(value, MAX_VALUE)
    budget.text(size)
    budget.step(size // JSON_CHARACTERS)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Escapes were not measured; they make the text six times longer at most.
    if len(text) > size:
        budget.text(len(text))
    return text


def to_text(budget: Budget, value: object) -> str:
    """How a value reads inside text: a text as it is, everything else as JSON (`true`, `null`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        checked_number(value)
        budget.digits(value.bit_length())
        return str(value)
    return to_json(budget, value)


def equal(budget: Budget, left: object, right: object) -> bool:
    """`left == right` as Python says for JSON values, paid for by size."""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        budget.step(len(left))
        return all(equal(budget, a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if len(left) != len(right):
            return False
        budget.step(len(left))
        return all(key in right and equal(budget, left[key], right[key]) for key in left)
    if isinstance(left, str) and isinstance(right, str):
        budget.scan(min(len(left), len(right)))
    return left == right


def contains(budget: Budget, item: object, container: object) -> bool:
    """`item in container` for a text, a list or an object's keys."""
    if isinstance(container, str):
        if not isinstance(item, str):
            raise ExpressionError(f"Only a text can be 'in' a text, not {kind(item)}")
        budget.scan(len(container))
        return item in container
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    if isinstance(container, list):
        budget.step(len(container))
        return any(equal(budget, item, candidate) for candidate in container)
    raise ExpressionError(f"'in' needs a text, a list or an object, not {kind(container)}")
