"""From a checked expression to closures. Building them evaluates nothing.

A closure takes the Frame and returns a JSON value; there is no "undefined" value: a closure
without one raises Missing. The nodes of a loop are paid for per turn, all others once at the start
of the evaluation, so a closure itself only pays for what grows with the data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import nodes

from workflows.expressions import access, expect, hints, operators
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.filters import FILTERS
from workflows.expressions.frame import Evaluate, Frame
from workflows.expressions.functions import default_settings, number_range
from workflows.expressions.methods import METHODS
from workflows.expressions.predicates import PREDICATES
from workflows.expressions.signatures import check_arguments
from workflows.expressions.syntax import NULL, undefined_sites

_UNDEFINED = object()
_MAY_HAVE_NO_RESULT = frozenset({"first", "last", "max", "min"})


def expression(node: nodes.Node) -> Evaluate:
    """The closure that evaluates a node; raises ExpressionError for an unknown filter and such."""
    return _BUILDERS[type(node)](node)


def _constant(node: nodes.Const) -> Evaluate:
    value = node.value
    return lambda frame: value


def _name(node: nodes.Name) -> Evaluate:
    name, site = node.name, id(node)
    if name == NULL:
        return _nothing

    def read(frame: Frame) -> object:
        if name in frame.names:
            return frame.names[name]
        if name in frame.scope:
            return frame.scope[name]
        raise Missing(site, partial(hints.undefined_name, name, frame.known_names()))

    return read


def _attribute(node: nodes.Getattr) -> Evaluate:
    owner_of, key, site = expression(node.node), node.attr, id(node)
    where, owner_path, method = hints.path(node), hints.path(node.node), key in METHODS

    def read(frame: Frame) -> object:
        owner = owner_of(frame)
        if isinstance(owner, dict) and key in owner:
            return owner[key]
        raise Missing(site, partial(hints.undefined_member, where, owner_path, owner, key, method))

    return read


def _item(node: nodes.Getitem) -> Evaluate:
    owner_of, site, owner_path = expression(node.node), id(node), hints.path(node.node)
    if isinstance(node.arg, nodes.Slice):
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        start, stop, step = [_nothing if b is None else expression(b) for b in bounds]
        return lambda frame: access.cut(
            frame.budget, owner_of(frame), (start(frame), stop(frame), step(frame))
        )
    key_of = expression(node.arg)
    return lambda frame: access.item(site, owner_path, owner_of(frame), key_of(frame))


def _nothing(frame: Frame) -> object:
    return None


def _list(node: nodes.List | nodes.Tuple) -> Evaluate:
    items = [expression(item) for item in node.items]

    def build(frame: Frame) -> object:
        frame.budget.items(len(items))
        return [item(frame) for item in items]

    return build


def _dict(node: nodes.Dict) -> Evaluate:
    pairs = [(expression(pair.key), expression(pair.value)) for pair in node.items]

    def build(frame: Frame) -> object:
        frame.budget.items(3 * len(pairs))
        return {expect.text(key(frame), "A key of an object"): value(frame) for key, value in pairs}

    return build


def _and(node: nodes.And) -> Evaluate:
    left, right = expression(node.left), expression(node.right)
    return lambda frame: left(frame) and right(frame)


def _or(node: nodes.Or) -> Evaluate:
    left, right = expression(node.left), expression(node.right)
    return lambda frame: left(frame) or right(frame)


def _not(node: nodes.Not) -> Evaluate:
    operand = expression(node.node)
    return lambda frame: not operand(frame)


def _unary(operate: Callable[[object], object]) -> Callable[[Any], Evaluate]:
    def build(node: nodes.UnaryExpr) -> Evaluate:
        operand = expression(node.node)
        return lambda frame: operate(operand(frame))

    return build


def _binary(operate: operators.Operator) -> Callable[[Any], Evaluate]:
    def build(node: nodes.BinExpr) -> Evaluate:
        left, right = expression(node.left), expression(node.right)
        return lambda frame: operate(frame.budget, left(frame), right(frame))

    return build


def _concat(node: nodes.Concat) -> Evaluate:
    parts = [expression(part) for part in node.nodes]
    return lambda frame: operators.concat(frame.budget, [part(frame) for part in parts])


def _compare(node: nodes.Compare) -> Evaluate:
    first = expression(node.expr)
    rest = [(operators.COMPARISONS[op.op], expression(op.expr)) for op in node.ops]

    def compare(frame: Frame) -> object:
        left = first(frame)
        for operate, operand in rest:
            right = operand(frame)
            if not operate(frame.budget, left, right):
                return False
            left = right
        return True

    return compare


def _choice(node: nodes.CondExpr) -> Evaluate:
    test, yes, site = expression(node.test), expression(node.expr1), id(node)
    no = expression(node.expr2) if node.expr2 is not None else None

    def choose(frame: Frame) -> object:
        if test(frame):
            return yes(frame)
        if no is None:
            raise Missing(site, lambda: "The inline if is false and has no else")
        return no(frame)

    return choose


def _arguments(node: Any) -> tuple[list[Evaluate], dict[str, Evaluate]]:
    names = [keyword.key for keyword in node.kwargs]
    if len(set(names)) < len(names):
        raise ExpressionError("An argument is given twice")
    positional = [expression(argument) for argument in node.args]
    return positional, {keyword.key: expression(keyword.value) for keyword in node.kwargs}


def _applied(function: Callable[..., object], node: Any, value_of: Evaluate, what: str) -> Evaluate:
    """The closure of `function(budget, value, *arguments)`."""
    positional, named = _arguments(node)
    check_arguments(what, function, len(positional), named)
    if not positional and not named:
        return lambda frame: function(frame.budget, value_of(frame))

    def call(frame: Frame) -> object:
        value = value_of(frame)
        arguments = [argument(frame) for argument in positional]
        keywords = {name: argument(frame) for name, argument in named.items()}
        return function(frame.budget, value, *arguments, **keywords)

    return call


def _filter(node: nodes.Filter) -> Evaluate:
    if node.node is None:
        raise ExpressionError("A filter needs a value")
    if node.name in ("default", "d"):
        return _default(node)
    function = FILTERS.get(node.name)
    if function is None:
        raise ExpressionError(hints.unknown("filter", node.name, (*FILTERS, "default")))
    if node.name in _MAY_HAVE_NO_RESULT:
        function = _located(function, id(node))
    return _applied(function, node, expression(node.node), f"the filter '{node.name}'")


def _located(function: Callable[..., object], site: int) -> Callable[..., object]:
    """The filter, with a missing result reported on behalf of the node `site`."""

    def apply(budget: object, value: object, *arguments: object, **keywords: object) -> object:
        try:
            return function(budget, value, *arguments, **keywords)
        except Missing as missing:
            raise Missing(site, missing.sentence) from None

    return apply


def _default(node: nodes.Filter) -> Evaluate:
    """`value|default(other)`; with a second argument true, also for false values."""
    value_of = _optional(node.node)
    settings: Any = _applied(default_settings, node, _nothing, "the filter 'default'")

    def choose(frame: Frame) -> object:
        value = value_of(frame)
        other, boolean = settings(frame)
        return other if value is _UNDEFINED or (boolean and not value) else value

    return choose


def _optional(node: Any) -> Evaluate:
    """The closure of a node that gives _UNDEFINED where the node itself has no value."""
    evaluate, sites = expression(node), frozenset(undefined_sites(node))

    def read(frame: Frame) -> object:
        try:
            return evaluate(frame)
        except Missing as missing:
            if missing.site in sites:
                return _UNDEFINED
            raise

    return read


def _test(node: nodes.Test) -> Evaluate:
    if node.name in ("defined", "undefined"):
        value_of, wanted = _optional(node.node), node.name == "defined"
        return lambda frame: (value_of(frame) is not _UNDEFINED) is wanted
    function = PREDICATES.get(node.name)
    if function is None:
        known = (*PREDICATES, "defined", "undefined")
        raise ExpressionError(hints.unknown("test", node.name, known))
    return _applied(function, node, expression(node.node), f"the test '{node.name}'")


def _call(node: nodes.Call) -> Evaluate:
    callee = node.node
    if isinstance(callee, nodes.Name):
        return _applied(number_range, node, _nothing, "range()")
    method: nodes.Getattr = callee  # type: ignore[assignment]  # syntax.py lets nothing else through
    return _applied(METHODS[method.attr], node, expression(method.node), f"{method.attr}()")


_BUILDERS: dict[type[nodes.Node], Callable[[Any], Evaluate]] = {
    nodes.Add: _binary(operators.add),
    nodes.And: _and,
    nodes.Call: _call,
    nodes.Compare: _compare,
    nodes.Concat: _concat,
    nodes.CondExpr: _choice,
    nodes.Const: _constant,
    nodes.Dict: _dict,
    nodes.Div: _binary(operators.divide),
    nodes.Filter: _filter,
    nodes.FloorDiv: _binary(operators.floor_divide),
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.List: _list,
    nodes.Mod: _binary(operators.modulo),
    nodes.Mul: _binary(operators.multiply),
    nodes.Name: _name,
    nodes.Neg: _unary(operators.negate),
    nodes.Not: _not,
    nodes.Or: _or,
    nodes.Pos: _unary(operators.affirm),
    nodes.Sub: _binary(operators.subtract),
    nodes.Test: _test,
    nodes.Tuple: _list,
}
