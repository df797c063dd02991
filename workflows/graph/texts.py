"""Every place of a definition that holds an expression, and what was found there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflows import expressions
from workflows.definition import JSON, Definition, Step
from workflows.expressions import ExpressionError, Template
from workflows.problems import dotted


@dataclass(frozen=True)
class Text:
    """`step` is None for the definition's output; `template` is an error if it does not parse."""

    step: Step | None
    field: str
    template: Template | ExpressionError

    @property
    def references(self) -> frozenset[tuple[str, ...]]:
        return frozenset() if isinstance(self.template, Exception) else self.template.references


def texts(definition: Definition) -> Iterator[Text]:
    for step in definition.steps:
        if step.when is not None:
            yield Text(step, "when", _parsed(step.when))
        yield from _inside(step, "with", step.config)
    yield from _inside(None, "output", definition.output)


def _inside(step: Step | None, root: str, value: JSON) -> Iterator[Text]:
    for place, source in expressions.templates(value):
        yield Text(step, dotted((root, *place)), _parsed(source))


def _parsed(source: str) -> Template | ExpressionError:
    try:
        return expressions.parse(source)
    except ExpressionError as failure:
        return failure
