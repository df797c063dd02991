"""Jinja's tests: `value is even`. `defined` and `undefined` are built into the compiler."""

from __future__ import annotations

from collections.abc import Callable

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.errors import ExpressionError
from workflows.expressions.operators import COMPARISONS
from workflows.expressions.values import to_text

Predicate = Callable[..., object]


def _of_type(*types: type) -> Predicate:
    def check(budget: Budget, value: object) -> object:
        return isinstance(value, types)

    return check


def _integer(budget: Budget, value: object) -> object:
    return isinstance(value, int) and not isinstance(value, bool)


def _is(wanted: object) -> Predicate:
    def check(budget: Budget, value: object) -> object:
        return value is wanted

    return check


def _even(budget: Budget, value: object) -> object:
    return expect.number(value, "The value of 'is even'") % 2 == 0


def _odd(budget: Budget, value: object) -> object:
    return expect.number(value, "The value of 'is odd'") % 2 == 1


def _divisible(budget: Budget, value: object, num: object) -> object:
    divisor = expect.number(num, "The argument of 'is divisibleby'")
    if divisor == 0:
        raise ExpressionError("Nothing is divisible by 0")
    return expect.number(value, "The value of 'is divisibleby'") % divisor == 0


def _case(check_case: Callable[[str], bool]) -> Predicate:
    def check(budget: Budget, value: object) -> object:
        written = to_text(budget, value)
        budget.scan(len(written))
        return check_case(written)

    return check


PREDICATES: dict[str, Predicate] = {
    "boolean": _of_type(bool),
    "divisibleby": _divisible,
    "even": _even,
    "false": _is(False),
    "float": _of_type(float),
    "in": COMPARISONS["in"],
    "integer": _integer,
    "iterable": _of_type(str, list, dict),
    "lower": _case(str.islower),
    "mapping": _of_type(dict),
    "none": _is(None),
    "number": _of_type(int, float),
    "odd": _odd,
    "sequence": _of_type(str, list, dict),
    "string": _of_type(str),
    "true": _is(True),
    "upper": _case(str.isupper),
    **dict.fromkeys(("eq", "equalto", "=="), COMPARISONS["eq"]),
    **dict.fromkeys(("ne", "!="), COMPARISONS["ne"]),
    **dict.fromkeys(("lt", "lessthan", "<"), COMPARISONS["lt"]),
    **dict.fromkeys(("le", "<="), COMPARISONS["lteq"]),
    **dict.fromkeys(("gt", "greaterthan", ">"), COMPARISONS["gt"]),
    **dict.fromkeys(("ge", ">="), COMPARISONS["gteq"]),
}
