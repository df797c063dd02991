"""From source to a syntax tree in which only allowed things can occur. Nothing is executed.

Jinja2 serves as the parser only; its compiler, which folds constants by running them, is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from workflows.expressions import hints
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import MAX_NESTING, MAX_NODES, MAX_SOURCE
from workflows.expressions.methods import METHODS
from workflows.expressions.values import checked_number

_PARSER = Environment(autoescape=False, cache_size=0, keep_trailing_newline=True)  # noqa: S701 - it never renders

NULL = "null"
"""JSON's word for Jinja's `none`; authors of JSON write it, so both are literals."""

_MARKS = ("{{", "{%", "{#")

_ALLOWED: frozenset[type[nodes.Node]] = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign),
        *(nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
        *(nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Keyword),
        *(nodes.Filter, nodes.Test, nodes.CondExpr, nodes.Compare, nodes.Operand),
        *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Concat),
        *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
    }
)

_WORDS: dict[type[nodes.Node], str] = {
    nodes.Pow: "The operator **",
    nodes.Macro: "A macro",
    nodes.CallBlock: "A call block",
    nodes.FilterBlock: "A filter block",
    nodes.AssignBlock: "A set block",
    nodes.NSRef: "Setting a member of a value",
}


def holds_expression(source: str) -> bool:
    """Whether a text has any of Jinja's marks and so must be parsed."""
    return any(mark in source for mark in _MARKS)


def parse_tree(source: str) -> nodes.Template:
    """The checked syntax tree; raises ExpressionError, without a source, if it is refused."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"A template may have {MAX_SOURCE} characters at most")
    try:
        tree = _PARSER.parse(source)
    except TemplateSyntaxError as error:
        raise ExpressionError(
            f"The syntax is wrong in line {error.lineno}: {error.message}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, OverflowError):
        raise ExpressionError("A number in the template cannot be read") from None
    for count, (node, depth) in enumerate(_walk(tree)):
        if count > MAX_NODES:
            raise ExpressionError(f"The template has more than {MAX_NODES} parts; split it up")
        if depth > MAX_NESTING:
            raise _too_deep()
        _check(node)
    return tree


def count_nodes(*roots: nodes.Node) -> int:
    """Nodes of these trees: what evaluating them once costs, in steps."""
    return sum(1 for root in roots for _ in _walk(root))


def undefined_sites(node: nodes.Node) -> Iterator[int]:
    """The ids of the nodes whose missing value leaves `node` undefined: all three of `a.b.c`."""
    yield id(node)
    match node:
        case nodes.Getattr(node=owner) | nodes.Getitem(node=owner):
            yield from undefined_sites(owner)
        case nodes.CondExpr(expr1=yes, expr2=no):
            for branch in (yes, no) if no is not None else (yes,):
                yield from undefined_sites(branch)
        case nodes.Filter(name="default" | "d", args=[other, *_]):
            yield from undefined_sites(other)


def _walk(root: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    pending = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        pending.extend((child, depth + 1) for child in node.iter_child_nodes())


def _too_deep() -> ExpressionError:
    return ExpressionError(f"The template is nested deeper than {MAX_NESTING} levels; use set")


def _check(node: nodes.Node) -> None:
    if type(node) not in _ALLOWED:
        raise ExpressionError(f"{_WORDS.get(type(node), type(node).__name__)} is not allowed")
    match node:
        case nodes.Name(name=name) | nodes.Filter(name=name) | nodes.Test(name=name):
            _check_private(name, f"The name '{name}'")
        case nodes.Getattr(attr=name):
            _check_private(name, f"The attribute '{name}'", f"; write ['{name}'] for a key")
        case nodes.Const(value=int() | float() as number):
            checked_number(number)
        case nodes.For(recursive=True):
            raise ExpressionError("A recursive loop is not allowed")
        case nodes.Call():
            _check_call(node)
    if isinstance(node, nodes.Filter | nodes.Test | nodes.Call) and (
        node.dyn_args or node.dyn_kwargs
    ):
        raise ExpressionError("Unpacking arguments with * or ** is not allowed")


def _check_private(name: str, what: str, advice: str = "") -> None:
    if name.startswith("_"):
        raise ExpressionError(f"{what} begins with an underscore, which is not allowed{advice}")


def _check_call(node: nodes.Call) -> None:
    match node.node:
        case nodes.Name(name="range"):
            return
        case nodes.Name(name=name):
            raise ExpressionError(f"{name}() is not allowed; the only function is range()")
        case nodes.Getattr(attr=name):
            if name not in METHODS:
                raise ExpressionError(hints.unknown("method", name, METHODS))
        case _:
            raise ExpressionError("Only range() and methods can be called")
