"""The filters that work on one value; `map` may apply any of them."""

from __future__ import annotations

from collections.abc import Callable

from workflows.expressions.filters.data import DATA
from workflows.expressions.filters.dates import DATES
from workflows.expressions.filters.lists import LISTS
from workflows.expressions.filters.numbers import NUMBERS
from workflows.expressions.filters.ordering import ORDERING
from workflows.expressions.filters.text import TEXT

Filter = Callable[..., object]

PLAIN: dict[str, Filter] = {**TEXT, **NUMBERS, **LISTS, **ORDERING, **DATA, **DATES}
