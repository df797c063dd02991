"""Expressions: Jinja2's syntax on JSON values, metered and without access to Python.

Parsing executes nothing. Evaluation calls only the operators, filters, tests and methods that are
written in this package, and every one of them pays into a Budget before it works. Users see JSON:
tuples and ranges are lists, and a value inside text reads as JSON (`true`, `null`, `{"a":1}`).
"""

from __future__ import annotations

from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.rendering import render, templates
from workflows.expressions.template import Template, parse
from workflows.expressions.values import JSON

__all__ = ["JSON", "Budget", "ExpressionError", "Template", "parse", "render", "templates"]
