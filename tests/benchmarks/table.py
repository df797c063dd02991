"""The one table that a run prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests import tables
from tests.benchmarks.usage import Figures

HEAD = (
    *("work", "result", "p50 ms", "p99 ms", "limit here", "of it"),
    *("web", "workers", "Postgres", "goal"),
)


@dataclass(frozen=True)
class Row:
    """A figure, the machine's own limit beside it, and the CPU milliseconds of one operation."""

    work: str
    result: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    limit: str = ""
    of_limit: str = ""
    cpu_ms: Figures = field(default_factory=dict)
    goal: str = ""

    def cells(self) -> tuple[str, ...]:
        cpu = [_ms(self.cpu_ms.get(role)) for role in ("web", "workers", "Postgres")]
        figures = (_ms(self.p50_ms), _ms(self.p99_ms))
        return (self.work, self.result, *figures, self.limit, self.of_limit, *cpu, self.goal)


def lines(rows: Iterable[Row]) -> list[str]:
    """The table as text."""
    return tables.lines(HEAD, [row.cells() for row in rows])


def share(part: float, limit: float) -> str:
    """Part of a limit, in percent; what lies beyond it shows that the limit was measured badly."""
    return f"{part / limit:.0%}" if part <= limit else "disturbed"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
