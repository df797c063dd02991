"""Every filter an expression may use, by name; `default` is built into the compiler."""

from __future__ import annotations

from workflows.expressions.filters.choosing import CHOOSING
from workflows.expressions.filters.plain import PLAIN, Filter

FILTERS: dict[str, Filter] = {**PLAIN, **CHOOSING}
