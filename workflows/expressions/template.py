"""A parsed template, and the cache of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from jinja2 import nodes

from workflows.expressions.budget import Budget
from workflows.expressions.compiler import expression
from workflows.expressions.errors import ExpressionError, Missing
from workflows.expressions.frame import Evaluate, Execute, Frame
from workflows.expressions.references import references
from workflows.expressions.statements import block
from workflows.expressions.syntax import count_nodes, holds_expression, parse_tree
from workflows.expressions.values import JSON, measure

# A long template keeps some hundred kilobytes of closures alive, a short one a few.
_SHORT = 200
_SHORT_CACHED = 4096
_LONG_CACHED = 256


@dataclass(frozen=True, slots=True)
class Template:
    """A template, parsed, checked and compiled to closures; immutable, for any thread.

    `references` are the constant paths that it reads from its scope.
    """

    source: str
    is_constant: bool
    references: frozenset[tuple[str, ...]]
    _run: Evaluate = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, object], budget: Budget | None = None) -> JSON:
        """The value of a single `{{ expression }}`, else the text.

        Raises ExpressionError. The value may share lists and objects with the scope, neither of
        which is ever changed.
        """
        frame = Frame(scope, budget or Budget())
        try:
            return cast("JSON", self._run(frame))
        except Missing as missing:
            message = missing.sentence()
        except ExpressionError as error:
            message = error.message
        except ZeroDivisionError:
            message = "A number is divided by zero"
        except OverflowError:
            message = "A number became too large"
        except RecursionError:
            message = "A value is nested too deeply"
        except (TypeError, ValueError, ArithmeticError, LookupError):
            message = "The expression cannot work on these values"
        raise ExpressionError(message, self.source) from None


def parse(source: str) -> Template:
    """The template of a source, cached; raises ExpressionError. Nothing is evaluated."""
    return _parse_short(source) if len(source) <= _SHORT else _parse_long(source)


def _parse(source: str) -> Template:
    if not holds_expression(source):
        return Template(source, True, frozenset(), lambda frame: source)
    try:
        tree = parse_tree(source)
        return Template(source, _is_constant(tree), references(tree), _compile(tree))
    except ExpressionError as error:
        raise ExpressionError(error.message, source) from None
    except RecursionError:
        raise ExpressionError("The template is nested too deeply", source) from None


_parse_short = lru_cache(_SHORT_CACHED)(_parse)
_parse_long = lru_cache(_LONG_CACHED)(_parse)


def _compile(tree: nodes.Template) -> Evaluate:
    only = _only_expression(tree)
    if only is None:
        return _textual(block(tree.body), count_nodes(tree))
    return _typed(expression(only), count_nodes(only))


def _typed(evaluate: Evaluate, cost: int) -> Evaluate:
    def run(frame: Frame) -> object:
        frame.budget.step(cost)
        value = evaluate(frame)
        frame.budget.output(measure(value, frame.budget.output_left))
        return value

    return run


def _textual(execute: Execute, cost: int) -> Evaluate:
    def run(frame: Frame) -> object:
        frame.budget.step(cost)
        execute(frame)
        return "".join(frame.parts)

    return run


def _is_constant(tree: nodes.Template) -> bool:
    return all(
        isinstance(part, nodes.Output)
        and all(isinstance(piece, nodes.TemplateData) for piece in part.nodes)
        for part in tree.body
    )


def _only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is exactly one `{{ expression }}`.

    A newline after it is what YAML's block style adds; it does not turn the value into text.
    """
    match tree.body:
        case [nodes.Output(nodes=[only] | [only, nodes.TemplateData(data="\n")])]:
            return None if isinstance(only, nodes.TemplateData) else only
        case _:
            return None
