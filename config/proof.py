"""The whole proof that tenants are kept apart: what is declared, and what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import psycopg
from django.db import connection, transaction

from config import household, knocking, listening
from config.belongings import belongings
from config.celery import app
from config.doors import Door, doors
from config.knocking import Neighbours
from tenants import attempts, isolation
from tenants.attempts import Tried
from tenants.isolation import GLOBAL_TABLES, Finding


@dataclass(frozen=True)
class Line:
    """What is known of one place: a table, a route, a socket or a task."""

    kind: str
    place: str
    guard: str
    tries: int
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.failures


@dataclass(frozen=True)
class Proof:
    """The matrix."""

    findings: tuple[Finding, ...]
    lines: tuple[Line, ...]

    @property
    def holds(self) -> bool:
        return not self.failures

    @property
    def failures(self) -> list[str]:
        """Each hole in a sentence."""
        return [
            *map(str, self.findings),
            *(failure for line in self.lines for failure in line.failures),
        ]

    @property
    def tries(self) -> int:
        return sum(line.tries for line in self.lines)

    def document(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "holds": self.holds,
            "tries": self.tries,
            "failures": self.failures,
            "findings": [asdict(finding) for finding in self.findings],
            "lines": [{**asdict(line), "holds": line.holds} for line in self.lines],
        }


def prove() -> Proof:
    """Read the catalog, try every table, knock at every door. Nothing of it stays."""
    app.loader.import_default_modules()
    with _undone() as db:
        findings = tuple(isolation.findings(connection.cursor(), role=_role(db)))
        tables = attempts.tried(db)
        knocks = knocking.nobody()
        ours, theirs = household.settle(), household.settle()
        household.furnish(theirs)
        knocks += knocking.stranger(Neighbours(ours, theirs))
        knocks += belongings(ours, theirs)
        knocks += listening.listeners(ours, theirs)
    lines = (*_tables(tables), *_global_tables(), *_doors(doors(app), knocks))
    return Proof(findings, lines)


def prove_aside() -> Proof:
    """`prove` on a connection of its own, for a caller who has a scope open."""

    def alone() -> Proof:
        try:
            return prove()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(alone).result()


@contextmanager
def _undone() -> Iterator[psycopg.Connection[Any]]:
    with transaction.atomic():
        connection.ensure_connection()
        yield cast("psycopg.Connection[Any]", connection.connection)
        transaction.set_rollback(True)


def _role(db: psycopg.Connection[Any]) -> str:
    [(role,)] = db.execute("SELECT session_user").fetchall()
    return str(role)


def _tables(tried: list[Tried]) -> Iterator[Line]:
    for name, ones in _by_place(tried).items():
        yield _line("table", name, "its tenant alone", ones)


def _global_tables() -> Iterator[Line]:
    for name, reason in sorted(GLOBAL_TABLES.items()):
        yield _line("table", name, f"no tenant's data: {reason}", [])


def _doors(known: list[Door], knocks: list[Tried]) -> Iterator[Line]:
    heard = _by_place(knocks)
    for door in known:
        yield _line(door.kind, door.name, door.guard, heard.get(door.name, []))


def _by_place(tried: list[Tried]) -> dict[str, list[Tried]]:
    places: dict[str, list[Tried]] = {}
    for one in tried:
        places.setdefault(one.place, []).append(one)
    return places


def _line(kind: str, place: str, guard: str, tried: list[Tried]) -> Line:
    unguarded = () if guard else (f"{place}: nothing guards this {kind}",)
    failed = tuple(str(one) for one in tried if not one.held)
    return Line(kind, place, guard, len(tried), unguarded + failed)
