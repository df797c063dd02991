"""The tenant scope: the only place that names a tenant, or the operator role, to Postgres.

A scope is a transaction: the setting and the role are local to it, so nothing survives on a pooled
connection. A scope may be narrowed (operator to one tenant) and never widened or swapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

from tenants import pipeline
from tenants.pipeline import Pipeline, Row, Values
from tenants.rls import OPERATOR_ROLE, TENANT_SETTING

log = structlog.get_logger(__name__)

# The role is a setting too, so one statement names both.
ENTER: LiteralString = (
    "SELECT set_config('role', %(scope_role)s, true), "
    f"set_config('{TENANT_SETTING}', %(scope_tenant)s, true)"
)
# Postgres cannot be asked just now. Django wraps the errors of its own queries only.
AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
NO_ROLE = "none"  # back to the session's own, the app role


class ScopeError(RuntimeError):
    """A scope was opened inside another tenant's: a programming error, never a user's."""


@dataclass(frozen=True)
class Scope:
    """What the current code may see: one tenant, or (as the operator) all of them."""

    tenant_id: UUID | None
    operator: bool = False


_current: ContextVar[Scope | None] = ContextVar("tenant_scope", default=None)


def current() -> Scope | None:
    """The open scope, if any."""
    return _current.get()


def tenant_id() -> UUID:
    """The tenant of the open scope. Raises ScopeError outside one."""
    scope = _current.get()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("no tenant scope is open")
    return scope.tenant_id


@contextmanager
def tenant(ident: UUID) -> Iterator[None]:
    """Open a transaction in which Postgres shows and takes only this tenant's rows."""
    outer = _current.get()
    if outer is not None and outer.tenant_id not in (None, ident):
        raise ScopeError("another tenant's scope is open")
    with _entered(Scope(ident), outer):
        yield


@contextmanager
def operator(reason: str) -> Iterator[None]:
    """Open a transaction that sees every tenant; `reason` says in words why it must."""
    outer = _current.get()
    if outer is not None and not outer.operator:
        raise ScopeError(f"a tenant's scope may not be widened to all tenants ({reason})")
    log.debug("operator scope", reason=reason)
    with _entered(Scope(None, operator=True), outer):
        yield


def on_commit(act: Callable[[], None]) -> None:
    """Call `act` once the open transaction is committed, outside any scope; what it raises is
    logged."""
    context = copy_context()
    context.run(_current.set, None)
    transaction.on_commit(partial(context.run, act), robust=True)


def at_end(write: Callable[[list[Any]], None], item: object) -> None:
    """Have `write` called with the item, and all others given for it, right before the commit.

    Not with those of a savepoint that is rolled back. Locks that `write` takes are the
    transaction's last, whatever it does until then: two such transactions cannot wait for each
    other. What it raises undoes the transaction. Raises ScopeError outside a scope.
    """
    if _current.get() is None:
        raise ScopeError("no scope is open, at whose end this could be written")
    transaction.on_commit(_Late(write, item))


@dataclass
class _Late:
    """Django forgets what was to be done on commit with its savepoint; that is all it does here."""

    write: Callable[[list[Any]], None]
    item: object
    written: bool = False

    def __call__(self) -> None:
        """It was written before the commit."""


def _write_late() -> None:
    groups: dict[Callable[[list[Any]], None], list[object]] = {}
    for late in (entry[1] for entry in connection.run_on_commit):
        if isinstance(late, _Late) and not late.written:
            groups.setdefault(late.write, []).append(late.item)
            late.written = True
    for write, items in groups.items():
        write(items)


@contextmanager
def _entered(scope: Scope, outer: Scope | None) -> Iterator[None]:
    if scope == outer:
        yield
        return
    nested = connection.in_atomic_block
    token = _current.set(scope)
    try:
        with transaction.atomic():
            _tell(scope)
            yield
            if outer is None and not connection.needs_rollback:
                _write_late()
            # Alone, the end of the transaction clears it all, and so does a rollback. Inside
            # another transaction we do; not after an error, when Postgres takes no statement.
            if nested and not connection.needs_rollback:
                _tell(outer or Scope(None))
    finally:
        _current.reset(token)


def _tell(scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENTER, _names(scope))


def _names(scope: Scope) -> dict[str, str]:
    return {
        "scope_role": OPERATOR_ROLE if scope.operator else NO_ROLE,
        "scope_tenant": str(scope.tenant_id or ""),
    }


Call = tuple[str, Values]  # a statement and its parameters


class Prepared:
    """Hand-written statements of the hot path; the server keeps them prepared.

    What begins a transaction and names its tenant is sent along with the statement that follows.
    """

    def __init__(self, pipeline: Pipeline, frame: Frame | None = None) -> None:
        self._pipeline = pipeline
        self._frame = frame
        self._ahead: list[Call] = [(frame.begin, {})] if frame else []
        self.begun = self.ended = False

    def run(self, statement: str, values: Values | None = None, *, last: bool = False) -> list[Row]:
        """Run a statement whose parameters are `%(name)s`; with `last` the transaction ends."""
        return self.run_all([(statement, values or {})], last=last)[0]

    def run_all(self, calls: Sequence[Call], *, last: bool = False) -> list[list[Row]]:
        """Run statements in one round trip: the rows of each."""
        ahead, self._ahead = self._ahead, []
        batch = [*ahead, *calls]
        if last and self._frame is not None:
            batch.append((self._frame.commit, {}))
        self.begun = True
        rows = self._pipeline.send(batch)
        self.ended = last
        return rows[len(ahead) : len(ahead) + len(calls)]

    def first(
        self, statement: str, values: Values | None = None, *, last: bool = False
    ) -> Row | None:
        """As `run`: the first row, if there is one."""
        return next(iter(self.run(statement, values, last=last)), None)

    def open(self) -> None:
        """Send what begins the transaction: a query follows that is not one of ours."""
        if self._ahead:
            ahead, self._ahead = self._ahead, []
            self.begun = True
            self._pipeline.send(ahead)

    def now(self) -> datetime:
        """When the transaction began, by the database's clock."""
        [row] = self.run("SELECT now()")
        moment: datetime = row[0]
        return moment

    def enter_operator(self) -> None:
        """From here on, until the transaction ends, all tenants are seen: to find one's work."""
        self._ahead.append((ENTER, _names(Scope(None, operator=True))))

    def enter_tenant(self, ident: UUID) -> None:
        """From here on, until the transaction ends, only this tenant is seen."""
        self._ahead.append(entering(ident))


def entering(ident: UUID) -> Call:
    """What enters a tenant, as one of several statements of `Prepared.run_all`."""
    return ENTER, _names(Scope(ident))


class Frame(NamedTuple):
    """How a transaction begins and ends."""

    begin: str
    commit: str
    undo: LiteralString


_TRANSACTION = Frame("BEGIN", "COMMIT", "ROLLBACK")
_SAVEPOINT = Frame(
    "SAVEPOINT hot",
    "RELEASE SAVEPOINT hot",
    "ROLLBACK TO SAVEPOINT hot; RELEASE SAVEPOINT hot",
)


def prepared() -> Prepared:
    """Run hand-written statements in the open scope's transaction."""
    return Prepared(pipeline.of(_raw()))


@contextmanager
def prepared_transaction() -> Iterator[Prepared]:
    """A transaction of the hot path. It begins with `enter_tenant` or `enter_operator`.

    Raises ScopeError inside a scope, which it would swap for another behind its back.
    """
    if _current.get() is not None:
        raise ScopeError("a scope is open: its statements go through prepared()")
    raw = _raw()
    nested = raw.info.transaction_status is not TransactionStatus.IDLE
    frame = _SAVEPOINT if nested else _TRANSACTION
    statements = Prepared(pipeline.of(raw), frame)
    try:
        yield statements
        if statements.begun and not statements.ended:
            statements.run(frame.commit)
    except BaseException:
        if statements.begun and not statements.ended and not raw.closed:
            raw.execute(frame.undo)
        raise


def _raw() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    return cast("psycopg.Connection[Any]", connection.connection)
