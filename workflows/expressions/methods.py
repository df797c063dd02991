"""The methods an expression may call: named here, written here, pure.

A call is a method call even where an object has a key of that name: `body.items()` lists the
entries of `body`, `body.items` is its key "items".
"""

from __future__ import annotations

from collections.abc import Callable

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import MAX_PIECES
from workflows.expressions.texts import join, replace
from workflows.expressions.values import equal, kind

Method = Callable[..., object]


def _get(budget: Budget, owner: object, key: object, default: object = None) -> object:
    found = expect.mapping(owner, "The owner of get()")
    return found.get(key, default) if isinstance(key, str) else default


def _keys(budget: Budget, owner: object) -> object:
    found = expect.mapping(owner, "The owner of keys()")
    budget.items(len(found))
    return list(found)


def _values(budget: Budget, owner: object) -> object:
    found = expect.mapping(owner, "The owner of values()")
    budget.items(len(found))
    return list(found.values())


def entries(budget: Budget, owner: object) -> list[object]:
    """The [key, value] pairs of an object."""
    found = expect.mapping(owner, "The owner of items()")
    budget.step(len(found))
    budget.items(3 * len(found))
    return [[key, value] for key, value in found.items()]


def _same_size(name: str, change: Callable[[str], str]) -> Method:
    def method(budget: Budget, owner: object) -> object:
        found = expect.text(owner, f"The owner of {name}()")
        budget.text(len(found))
        return change(found)

    return method


def _stripping(name: str, strip: Callable[[str, str | None], str]) -> Method:
    def method(budget: Budget, owner: object, chars: object = None) -> object:
        found = expect.text(owner, f"The owner of {name}()")
        unwanted = None if chars is None else expect.text(chars, f"The argument of {name}()")
        budget.text(len(found))
        # Each character at the ends is looked up in all of the unwanted ones.
        budget.step(len(found) * len(unwanted or "") // 512)
        return strip(found, unwanted)

    return method


def _affix(name: str, operate: Callable[[str, str], object]) -> Method:
    def method(budget: Budget, owner: object, affix: object) -> object:
        found = expect.text(owner, f"The owner of {name}()")
        budget.text(len(found))
        return operate(found, expect.text(affix, f"The argument of {name}()"))

    return method


def _splitting(name: str, split: Callable[[str, str | None, int], list[str]]) -> Method:
    def method(budget: Budget, owner: object, sep: object = None, maxsplit: object = -1) -> object:
        found = expect.text(owner, f"The owner of {name}()")
        separator = None if sep is None else expect.text(sep, f"The separator of {name}()")
        if separator == "":
            raise ExpressionError(f"The separator of {name}() must not be empty")
        wanted = expect.whole(maxsplit, f"The limit of {name}()")
        return _pieces(budget, found, separator, wanted, split)

    return method


def _pieces(
    budget: Budget,
    owner: str,
    separator: str | None,
    wanted: int,
    split: Callable[[str, str | None, int], list[str]],
) -> list[str]:
    budget.scan(len(owner))
    budget.text(len(owner))
    # The split stops at the limit by itself, so that the pieces can be paid for after it.
    pieces = split(owner, separator, MAX_PIECES if wanted < 0 else min(wanted, MAX_PIECES))
    if len(pieces) > MAX_PIECES:
        raise ExpressionError(f"A text may be split into {MAX_PIECES} parts at most")
    budget.items(len(pieces))
    return pieces


def _splitlines(budget: Budget, owner: object) -> object:
    found = expect.text(owner, "The owner of splitlines()")
    budget.text(2 * len(found))
    ended = found.replace("\r\n", "\n").replace("\r", "\n")
    lines = _pieces(budget, ended, "\n", -1, str.split)
    return lines[:-1] if lines[-1] == "" else lines


def _count(budget: Budget, owner: object, item: object) -> object:
    if isinstance(owner, list):
        budget.step(len(owner))
        return sum(equal(budget, item, candidate) for candidate in owner)
    found = expect.text(owner, "The owner of count()")
    budget.scan(len(found))
    return found.count(expect.text(item, "The argument of count()"))


def _find(budget: Budget, owner: object, part: object) -> object:
    found = expect.text(owner, "The owner of find()")
    budget.scan(len(found))
    return found.find(expect.text(part, "The argument of find()"))


def _index(budget: Budget, owner: object, item: object) -> object:
    if isinstance(owner, list):
        budget.step(len(owner))
        for position, candidate in enumerate(owner):
            if equal(budget, item, candidate):
                return position
    elif isinstance(owner, str):
        position = owner.find(expect.text(item, "The argument of index()"))
        budget.scan(len(owner))
        if position >= 0:
            return position
    else:
        raise ExpressionError(f"The owner of index() must be a text or a list, not {kind(owner)}")
    raise ExpressionError("index() did not find its argument")


def _isdigit(budget: Budget, owner: object) -> object:
    found = expect.text(owner, "The owner of isdigit()")
    budget.scan(len(found))
    return found.isdigit()


def _replace(budget: Budget, owner: object, old: object, new: object, count: object = -1) -> object:
    return replace(budget, expect.text(owner, "The owner of replace()"), old, new, count)


def _join(budget: Budget, owner: object, values: object) -> object:
    return join(
        budget,
        expect.items(budget, values, "The argument of join()"),
        expect.text(owner, "The owner of join()"),
    )


METHODS: dict[str, Method] = {
    "count": _count,
    "endswith": _affix("endswith", str.endswith),
    "find": _find,
    "get": _get,
    "index": _index,
    "isdigit": _isdigit,
    "items": entries,
    "join": _join,
    "keys": _keys,
    "lower": _same_size("lower", str.lower),
    "lstrip": _stripping("lstrip", str.lstrip),
    "removeprefix": _affix("removeprefix", str.removeprefix),
    "removesuffix": _affix("removesuffix", str.removesuffix),
    "replace": _replace,
    "rsplit": _splitting("rsplit", str.rsplit),
    "rstrip": _stripping("rstrip", str.rstrip),
    "split": _splitting("split", str.split),
    "splitlines": _splitlines,
    "startswith": _affix("startswith", str.startswith),
    "strip": _stripping("strip", str.strip),
    "title": _same_size("title", str.title),
    "upper": _same_size("upper", str.upper),
    "values": _values,
}
