"""Which constant paths of its scope a template reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jinja2 import nodes

from workflows.expressions.syntax import NULL

Path = tuple[str, ...]


def references(tree: nodes.Template) -> frozenset[Path]:
    """The longest constant paths that begin with a name of the scope, such as ("steps", "a").

    A path ends before the first member that is computed, sliced or called. Names bound by `for`
    or by an earlier `set` are the template's own and not references.
    """
    return frozenset(_block(tree.body, {NULL}))


def _block(body: Iterable[nodes.Node], bound: set[str]) -> Iterator[Path]:
    for node in body:
        yield from _paths(node, bound)


def _paths(node: nodes.Node, bound: set[str]) -> Iterator[Path]:
    if isinstance(node, nodes.For):
        yield from _loop(node, bound)
    elif isinstance(node, nodes.Assign):
        yield from _paths(node.node, bound)
        bound.update(_targets(node.target))
    elif isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
        yield from _access(node, bound)
    elif isinstance(node, nodes.Call):
        yield from _call(node, bound)
    else:
        yield from _block(node.iter_child_nodes(), bound)


def _loop(node: nodes.For, bound: set[str]) -> Iterator[Path]:
    yield from _paths(node.iter, bound)
    inner = bound | set(_targets(node.target))
    if node.test is not None:
        yield from _paths(node.test, set(inner))
    yield from _block(node.body, inner | {"loop"})
    yield from _block(node.else_, set(bound))


def _targets(target: nodes.Node) -> Iterator[str]:
    yield from (
        name.name for name in (target, *target.find_all(nodes.Name)) if isinstance(name, nodes.Name)
    )


def _call(node: nodes.Call, bound: set[str]) -> Iterator[Path]:
    if isinstance(node.node, nodes.Getattr):
        yield from _paths(node.node.node, bound)
    yield from _block((*node.args, *node.kwargs), bound)


def _access(node: nodes.Node, bound: set[str]) -> Iterator[Path]:
    """The path of an access chain, and the paths inside its computed members."""
    members: list[str | None] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            members.append(node.attr)
        else:
            members.append(_constant(node.arg))
            yield from _paths(node.arg, bound)
        node = node.node
    if not isinstance(node, nodes.Name):
        yield from _paths(node, bound)
    elif node.name not in bound:
        yield (node.name, *_until_computed(reversed(members)))


def _until_computed(members: Iterable[str | None]) -> Iterator[str]:
    for member in members:
        if member is None:
            return
        yield member


def _constant(node: nodes.Node) -> str | None:
    match node:
        case nodes.Const(value=str() as key):
            return key
        case nodes.Const(value=int() as index) if not isinstance(index, bool):
            return str(index)
        case nodes.Neg(node=nodes.Const(value=int() as index)):
            return str(-index)
        case _:
            return None
