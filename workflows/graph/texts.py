"""Every place of a definition that holds an expression, and what was found there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workflows import expressions
from workflows.definition import JSON, Definition, Step
from workflows.expressions import ExpressionError, Template
from workflows.problems import dotted
from workflows.steps.registry import STEP_TYPES


@dataclass(frozen=True)
class Text:
    """`step` is None for the definition's output; `template` is an error if it does not parse.

    `deferred` is the key of the config that is evaluated later, with further names, if it is one.
    """

    step: Step | None
    field: str
    template: Template | ExpressionError
    deferred: str | None = None

    @property
    def references(self) -> frozenset[tuple[str, ...]]:
        return frozenset() if isinstance(self.template, Exception) else self.template.references


def texts(definition: Definition) -> Iterator[Text]:
    """Those of the definition's own steps and output; the bodies in it have texts of their own."""
    for step in definition.steps:
        if step.when is not None:
            yield Text(step, "when", _parsed(step.when))
        yield from _inside_config(step)
    yield from _inside(None, "output", definition.output)


def _inside_config(step: Step) -> Iterator[Text]:
    step_type = STEP_TYPES.get(step.type)
    deferred = step_type.deferred if step_type else frozenset()
    evaluated = step_type.deferred_names if step_type else {}
    for key, value in step.config.items():
        if key not in deferred:
            yield from _inside(step, f"with.{key}", value)
        elif key in evaluated:
            for text in _inside(step, f"with.{key}", value):
                yield replace(text, deferred=key)


def _inside(step: Step | None, root: str, value: JSON) -> Iterator[Text]:
    for place, source in expressions.templates(value):
        yield Text(step, dotted((root, *place)), _parsed(source))


def _parsed(source: str) -> Template | ExpressionError:
    try:
        return expressions.parse(source)
    except ExpressionError as failure:
        return failure
