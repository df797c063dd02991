"""Work on text that filters and methods share."""

from __future__ import annotations

from workflows.expressions import expect
from workflows.expressions.budget import Budget
from workflows.expressions.values import to_text


def replace(budget: Budget, owner: str, old: object, new: object, count: object = -1) -> str:
    """`owner` with the first `count` occurrences of `old` replaced; all of them if negative."""
    before = expect.text(old, "What replace looks for")
    after = expect.text(new, "What replace puts in")
    limit = -1 if count is None else expect.whole(count, "The count of replace")
    budget.scan(2 * len(owner))
    found = owner.count(before)
    times = found if limit < 0 else min(found, limit)
    budget.text(len(owner) + times * len(after))
    return owner.replace(before, after, times)


def join(budget: Budget, values: list[object], separator: str) -> str:
    """The values as text with the separator between them."""
    budget.step(len(values))
    parts = [to_text(budget, value) for value in values]
    budget.text(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)
