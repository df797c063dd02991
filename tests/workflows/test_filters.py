"""Filters of subscriptions: what may be one, and what it lets through."""

from __future__ import annotations

import pytest

from workflows import filters
from workflows.expressions import ExpressionError

EVENT = {
    "execution": {"status": "succeeded", "workflow": "orders"},
    "output": {"total": 101, "tags": ["vip"]},
    "step": None,
    "error": None,
}


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        ("", True),
        ("{{ event.output.total > 100 }}", True),
        ("{{ event.output.total > 101 }}", False),
        ("{{ 'vip' in event.output.tags and event.execution.workflow == 'orders' }}", True),
        ("{{ event.error is none }}", True),
        ("{{ event.output.discount is defined }}", False),
        ("{{ event.output.discount | default(7) == 7 }}", True),
    ],
)
def test_a_filter_lets_through_what_makes_it_true(source: str, passes: bool) -> None:
    assert filters.problem(source) == ""
    assert filters.passes(source, EVENT) is passes


@pytest.mark.parametrize(
    "source",
    [
        "{{ event.output.total }}",
        "{{ event.output.none > 1 }}",
        "{{ event.output.total > 'x' }}",
        "yes: {{ event.output.total > 1 }}",
    ],
)
def test_what_is_neither_true_nor_false_is_an_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        filters.passes(source, EVENT)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ event.output", "."),
        ("true", "must be an expression"),
        ("{{ trigger.body.x }}", 'There is no "trigger" here, only "event".'),
        ("{{ secrets.token == 'x' }}", 'There is no "secrets" here'),
        ("{{ event.outptu == 1 }}", 'Did you mean "output"?'),
        ("{{ event.execution.state == 'x' }}", '"event.execution" has no "state".'),
        ("{{ ''.__class__ }}", "__class__"),
    ],
)
def test_what_cannot_be_a_filter_is_told_why(source: str, said: str) -> None:
    assert said in filters.problem(source)


def test_nothing_is_evaluated_to_check_a_filter() -> None:
    assert filters.problem("{{ 'x' * 900000000 == event.output }}") == ""


@pytest.mark.parametrize("root", filters.MEMBERS)
def test_every_member_may_be_named(root: str) -> None:
    for member in filters.MEMBERS[root] or ("anything",):
        assert filters.problem(f"{{{{ event.{root}.{member} == 1 }}}}") == ""
