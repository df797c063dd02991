"""From checked statements to closures that write text: output, if, for, set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes

from workflows.expressions import expect
from workflows.expressions.compiler import expression
from workflows.expressions.errors import ExpressionError
from workflows.expressions.frame import Evaluate, Execute, Frame
from workflows.expressions.syntax import count_nodes
from workflows.expressions.values import to_text

Bind = Callable[[dict[str, object], object], None]


def block(body: Sequence[nodes.Node]) -> Execute:
    """The closure that runs statements one after the other."""
    statements = [_BUILDERS[type(node)](node) for node in body]

    def run(frame: Frame) -> None:
        for statement in statements:
            statement(frame)

    return run


def _output(node: nodes.Output) -> Execute:
    writers = [_writer(part) for part in node.nodes]

    def run(frame: Frame) -> None:
        for write in writers:
            text = write(frame)
            frame.budget.output(len(text))
            frame.parts.append(text)

    return run


def _writer(node: nodes.Expr) -> Callable[[Frame], str]:
    if isinstance(node, nodes.TemplateData):
        data = node.data
        return lambda frame: data
    evaluate = expression(node)
    return lambda frame: to_text(frame.budget, evaluate(frame))


def _if(node: nodes.If) -> Execute:
    branches = [(expression(part.test), block(part.body)) for part in (node, *node.elif_)]
    otherwise = block(node.else_)

    def run(frame: Frame) -> None:
        for test, body in branches:
            if test(frame):
                return body(frame)
        return otherwise(frame)

    return run


def _set(node: nodes.Assign) -> Execute:
    bind, evaluate = _binder(node.target), expression(node.node)
    return lambda frame: bind(frame.names, evaluate(frame))


def _binder(target: nodes.Node) -> Bind:
    """What gives a value to the name, or to the names, before `=` or `in`."""
    if isinstance(target, nodes.Name):
        name = target.name
        return lambda names, value: names.__setitem__(name, value)
    if isinstance(target, nodes.Tuple) and all(isinstance(i, nodes.Name) for i in target.items):
        return _unpacker([item.name for item in target.find_all(nodes.Name)])
    raise ExpressionError("Only a name, or names with commas between them, can be given a value")


def _unpacker(targets: list[str]) -> Bind:
    def bind(names: dict[str, object], value: object) -> None:
        if not isinstance(value, list) or len(value) != len(targets):
            raise ExpressionError(
                f"Only a list of {len(targets)} can be given to {', '.join(targets)}"
            )
        names.update(zip(targets, value, strict=True))

    return bind


def _for(node: nodes.For) -> Execute:
    items_of, bind = expression(node.iter), _binder(node.target)
    chosen = _chosen(node.test, bind)
    body, otherwise = block(node.body), block(node.else_)
    cost, uses_loop = count_nodes(*node.body) + 1, _uses_loop(node)

    def run(frame: Frame) -> None:
        items = chosen(frame, expect.items(frame.budget, items_of(frame), "What for loops over"))
        outer = frame.names
        for index, item in enumerate(items):
            frame.budget.step(cost)
            frame.names = dict(outer)
            bind(frame.names, item)
            if uses_loop:
                frame.names["loop"] = _loop(index, len(items))
            body(frame)
        frame.names = outer if items else dict(outer)
        if not items:
            otherwise(frame)
        frame.names = outer

    return run


def _chosen(test: nodes.Node | None, bind: Bind) -> Callable[[Frame, list[object]], list[object]]:
    """Keeps the items for which the loop's `if` is true."""
    if test is None:
        return lambda frame, items: items
    passes: Evaluate = expression(test)
    cost = count_nodes(test) + 1

    def choose(frame: Frame, items: list[object]) -> list[object]:
        frame.budget.step(cost * len(items))
        frame.budget.items(len(items))
        outer = frame.names
        frame.names = dict(outer)
        kept = []
        for item in items:
            bind(frame.names, item)
            if passes(frame):
                kept.append(item)
        frame.names = outer
        return kept

    return choose


def _uses_loop(node: nodes.For) -> bool:
    names = (name for part in node.body for name in (part, *part.find_all(nodes.Name)))
    return any(isinstance(name, nodes.Name) and name.name == "loop" for name in names)


def _loop(index: int, length: int) -> dict[str, object]:
    return {
        "index": index + 1,
        "index0": index,
        "revindex": length - index,
        "revindex0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
        "length": length,
    }


_BUILDERS: dict[type[nodes.Node], Callable[[Any], Execute]] = {
    nodes.Assign: _set,
    nodes.For: _for,
    nodes.If: _if,
    nodes.Output: _output,
}
