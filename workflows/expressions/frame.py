"""The state of one evaluation, and the closures that run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from workflows.expressions.budget import Budget


class Frame:
    """What a template's closures read and write while it is evaluated once."""

    __slots__ = ("budget", "names", "parts", "scope")

    def __init__(self, scope: Mapping[str, object], budget: Budget) -> None:
        self.scope = scope
        self.budget = budget
        self.names: dict[str, object] = {}
        self.parts: list[str] = []

    def known_names(self) -> Iterator[str]:
        """Every name that an expression could use here."""
        yield from self.scope
        yield from self.names


Evaluate = Callable[[Frame], object]
Execute = Callable[[Frame], None]
