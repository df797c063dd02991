"""Sentences for what is not there: the path that failed and the nearest name that would work."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice

from jinja2 import nodes

from workflows.expressions.values import kind

# Only so many and so long names are compared: a hint is not worth a long search.
_MAX_NAMES = 200
_MAX_NAME_LENGTH = 64
_LISTED = 8


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence for a name that is not in a fixed list, such as a filter's."""
    return f"There is no {what} '{_shorten(name)}'{_nearest(name, list(known))}"


def undefined_name(name: str, known: Iterable[str]) -> str:
    """A sentence for a variable that is not in scope."""
    return f"{name} is undefined{_nearest(name, list(known))}"


def undefined_member(path: str, owner_path: str, owner: object, key: object, method: bool) -> str:
    """A sentence for a key or index that `owner` does not have."""
    if method:
        return f"{path} is undefined; to call the method, write {path}()"
    if isinstance(owner, dict):
        names = [name for name in islice(owner, _MAX_NAMES) if isinstance(name, str)]
        return f"{path} is undefined{_nearest(str(key), names)}"
    if isinstance(owner, list | str) and isinstance(key, int):
        unit = "item" if isinstance(owner, list) else "character"
        unit += "" if len(owner) == 1 else "s"
        return f"{path} is undefined: {owner_path} has {len(owner)} {unit}, counted from 0"
    return f"{path} is undefined: {owner_path} is {kind(owner)} and has no '{_shorten(str(key))}'"


def _nearest(name: str, known: Collection[str]) -> str:
    candidates = [known_name for known_name in known if len(known_name) <= _MAX_NAME_LENGTH]
    near = get_close_matches(name[:_MAX_NAME_LENGTH], candidates[:_MAX_NAMES], n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    if not candidates:
        return "; nothing is available there"
    rest = ", ..." if len(candidates) > _LISTED else ""
    return f"; available: {', '.join(candidates[:_LISTED])}{rest}"


def _shorten(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else name[:_MAX_NAME_LENGTH] + "..."


def path(node: nodes.Node) -> str:
    """A node as its author wrote it, as far as it is an access path."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{path(node.node)}.{node.attr}"
        case nodes.Getitem(arg=nodes.Const(value=key)):
            return member(path(node.node), key)
        case nodes.Getitem():
            return f"{path(node.node)}[...]"
        case nodes.Filter(node=nodes.Node() as value):
            return f"({path(value)}|{node.name})"
        case nodes.Call():
            return f"{path(node.node)}(...)"
        case _:
            return "(...)"


def member(owner: str, key: object) -> str:
    """The path of `key` inside the path `owner`: `owner.key` or `owner[0]`."""
    if isinstance(key, str) and key.isidentifier():
        return f"{owner}.{_shorten(key)}"
    return f"{owner}[{_shorten(key)!r}]" if isinstance(key, str) else f"{owner}[{key}]"
