"""Filters on text; any other value is first written as text, as Jinja does."""

from __future__ import annotations

import re
from collections.abc import Callable

from workflows.expressions import expect
from workflows.expressions.access import follow, members
from workflows.expressions.budget import Budget
from workflows.expressions.limits import MAX_VALUE
from workflows.expressions.texts import join, replace
from workflows.expressions.values import to_text

_WORD_START = re.compile(r"([-\s({\[<]+)")


def _changing(change: Callable[[str], str]) -> Callable[[Budget, object], object]:
    def apply(budget: Budget, value: object) -> object:
        written = to_text(budget, value)
        budget.text(len(written))
        return change(written)

    return apply


def _title(budget: Budget, value: object) -> object:
    written = to_text(budget, value)
    budget.step(len(written) // 4)
    budget.items(len(written) // 2)
    words = _WORD_START.split(written)
    return "".join(word[:1].upper() + word[1:].lower() for word in words)


def _trim(budget: Budget, value: object, chars: object = None) -> object:
    written = to_text(budget, value)
    unwanted = None if chars is None else expect.text(chars, "The characters to trim")
    budget.text(len(written))
    budget.step(len(written) * len(unwanted or "") // 512)
    return written.strip(unwanted)


def _replace(
    budget: Budget, value: object, old: object, new: object, count: object = None
) -> object:
    return replace(budget, to_text(budget, value), old, new, count)


def _join(budget: Budget, value: object, d: object = "", attribute: object = None) -> object:
    values = expect.items(budget, value, "What join joins")
    if attribute is not None:
        budget.step(len(values))
        path = members(attribute, "join")
        values = [follow(item, path, "join") for item in values]
    return join(budget, values, to_text(budget, d))


def _truncate(
    budget: Budget,
    value: object,
    length: object = 255,
    killwords: object = False,
    end: object = "...",
    leeway: object = 5,
) -> object:
    written = to_text(budget, value)
    mark = expect.text(end, "The end of truncate")
    most = expect.whole(length, "The length of truncate", len(mark), MAX_VALUE)
    if len(written) <= most + expect.whole(leeway, "The leeway of truncate", 0, MAX_VALUE):
        return written
    budget.text(most)
    kept = written[: most - len(mark)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + mark


def _string(budget: Budget, value: object) -> object:
    return to_text(budget, value)


TEXT: dict[str, Callable[..., object]] = {
    "capitalize": _changing(str.capitalize),
    "join": _join,
    "lower": _changing(str.lower),
    "replace": _replace,
    "string": _string,
    "title": _title,
    "trim": _trim,
    "truncate": _truncate,
    "upper": _changing(str.upper),
}
