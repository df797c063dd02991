"""Filters between values and their encoded forms: JSON, Base64, URLs."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import quote

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import JSON_WEIGHT, MAX_VALUE
from workflows.expressions.values import kind, measure, to_json, to_text


def _tojson(budget: Budget, value: object, indent: object = None) -> object:
    """The value as JSON text: compact, or on lines indented by `indent` spaces."""
    if indent is None:
        return to_json(budget, value)
    return _indented(budget, value, expect.whole(indent, "The indent of tojson", 0, 8))


def _indented(budget: Budget, value: object, indent: int) -> str:
    measure(value, MAX_VALUE)
    parts, length = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        budget.step()
        budget.allocate(len(part))
        length += len(part)
        parts.append(part)
    budget.text(length)
    return "".join(parts)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _fromjson(budget: Budget, value: object) -> object:
    written = expect.text(value, "What fromjson reads")
    budget.allocate(JSON_WEIGHT * len(written))
    try:
        parsed: object = json.loads(written, parse_constant=_no_constant)
    except ValueError as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ExpressionError(f"fromjson: the text is not valid JSON{where}") from None
    measure(parsed, MAX_VALUE)
    return parsed


def _b64encode(budget: Budget, value: object) -> object:
    written = to_text(budget, value)
    budget.text(6 * len(written))
    return base64.b64encode(written.encode()).decode("ascii")


def _b64decode(budget: Budget, value: object) -> object:
    written = expect.text(value, "What b64decode reads")
    budget.text(2 * len(written))
    padded = written + "=" * (-len(written) % 4)
    try:
        return base64.b64decode(padded.encode("ascii"), validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ExpressionError("b64decode: the value is not Base64 of a UTF-8 text") from None


def _quoted(budget: Budget, value: object, safe: str) -> str:
    written = to_text(budget, value)
    # A character is up to four bytes, a byte up to three characters.
    budget.text((3 if written.isascii() else 12) * len(written))
    budget.step(len(written) // 4)
    return quote(written, safe=safe)


def _urlencode(budget: Budget, value: object) -> object:
    """A text quoted for a URL's path; an object or a list of pairs as a query string."""
    if not isinstance(value, dict | list):
        return _quoted(budget, value, "/")
    pairs = list(value.items()) if isinstance(value, dict) else [_pair(item) for item in value]
    budget.step(2 * len(pairs))
    return "&".join(
        f"{_quoted(budget, key, '')}={_quoted(budget, item, '')}" for key, item in pairs
    )


def _pair(value: object) -> tuple[object, object]:
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    raise ExpressionError(f"urlencode needs pairs of a name and a value, not {kind(value)}")


DATA: dict[str, Callable[..., object]] = {
    "b64decode": _b64decode,
    "b64encode": _b64encode,
    "fromjson": _fromjson,
    "tojson": _tojson,
    "urlencode": _urlencode,
}
