"""Reading members of values. A member is a key, an index or a slice: never a Python attribute."""

from __future__ import annotations

from functools import partial, reduce

from workflows.expressions import expect, hints
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.limits import MAX_NESTING
from workflows.expressions.values import kind

ABSENT = object()

Members = tuple[str | int, ...]


def find(owner: object, key: object) -> object:
    """The member `key` of `owner`, or ABSENT."""
    if isinstance(owner, dict):
        return owner.get(key, ABSENT) if isinstance(key, str) else ABSENT
    if isinstance(owner, list | str) and isinstance(key, int) and not isinstance(key, bool):
        return owner[key] if -len(owner) <= key < len(owner) else ABSENT
    return ABSENT


def item(site: int, owner_path: str, owner: object, key: object) -> object:
    """The member `key` of `owner`; raises Missing on behalf of the node `site`."""
    found = find(owner, key)
    if found is not ABSENT:
        return found
    if not isinstance(key, str) and (isinstance(key, bool) or not isinstance(key, int)):
        raise ExpressionError(f"Inside {owner_path}[...] must be a text or a whole number")
    where = hints.member(owner_path, key)
    raise Missing(site, partial(hints.undefined_member, where, owner_path, owner, key, False))


def cut(budget: Budget, owner: object, bounds: tuple[object, object, object]) -> object:
    """`owner[start:stop:step]` of a text or a list."""
    if not isinstance(owner, str | list):
        raise ExpressionError(f"Only a text or a list can be sliced, not {kind(owner)}")
    numbers = [None if b is None else expect.whole(b, "A slice's bound") for b in bounds]
    if numbers[2] == 0:
        raise ExpressionError("A slice's step must not be 0")
    part = slice(*numbers)
    length = len(range(*part.indices(len(owner))))
    if isinstance(owner, str):
        budget.text(length)
    else:
        budget.items(length)
    return owner[part]


def members(attribute: object, what: str) -> Members:
    """What a filter's `attribute` names: a key, an index or a dotted path of them ("a.b.0")."""
    if isinstance(attribute, int) and not isinstance(attribute, bool):
        return (attribute,)
    names = expect.text(attribute, f"{what}: the attribute").split(".", MAX_NESTING)
    return tuple(int(name) if name.isdecimal() and len(name) < 8 else name for name in names)


def follow(owner: object, path: Members, what: str) -> object:
    """The member of `owner` at the end of a path; raises ExpressionError where one is missing."""
    value = owner
    for depth, member in enumerate(path):
        found = find(value, member)
        if found is ABSENT:
            walked = reduce(hints.member, path[:depth], "item")
            where = hints.member(walked, member)
            sentence = hints.undefined_member(where, walked, value, member, False)
            raise ExpressionError(f"{what}: {sentence}")
        value = found
    return value


def follow_or(owner: object, path: Members, default: object) -> object:
    """Like `follow`, but `default` where a member is missing."""
    value = owner
    for member in path:
        value = find(value, member)
        if value is ABSENT:
            return default
    return value
