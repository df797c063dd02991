"""The tenant scope: the only place that names a tenant, or the operator role, to Postgres.

A scope is a transaction: the setting and the role are local to it, so nothing survives on a pooled
connection. A scope may be narrowed (operator to one tenant) and never widened or swapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import structlog
from django.db import connection, transaction

from tenants.rls import OPERATOR_ROLE, TENANT_SETTING

log = structlog.get_logger(__name__)

# The role is a setting too, so one statement names both.
ENTER: LiteralString = (
    f"SELECT set_config('role', %(role)s, true), set_config('{TENANT_SETTING}', %(tenant)s, true)"
)
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
        "role": OPERATOR_ROLE if scope.operator else NO_ROLE,
        "tenant": str(scope.tenant_id or ""),
    }


class Pipeline:
    """Hand-written statements that share round trips; the server keeps them prepared.

    `run` returns at once. Fetching from its cursor waits for all that was sent so far.
    """

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def run(self, statement: LiteralString, values: Mapping[str, object] | None = None) -> Rows:
        """Send a statement whose parameters are `%(name)s`."""
        return psycopg.Cursor(self._raw).execute(statement, values, prepare=True)

    def enter_operator(self) -> None:
        """From here on, until the transaction ends, all tenants are seen: to find one's work."""
        self.run(ENTER, _names(Scope(None, operator=True)))

    def enter_tenant(self, ident: UUID) -> None:
        """From here on, until the transaction ends, only this tenant is seen."""
        self.run(ENTER, _names(Scope(ident)))


Rows = psycopg.Cursor[Any]


@contextmanager
def pipeline() -> Iterator[Pipeline]:
    """Send statements in the open transaction without waiting for each."""
    connection.ensure_connection()
    raw = cast("psycopg.Connection[Any]", connection.connection)
    with raw.pipeline():
        yield Pipeline(raw)


@contextmanager
def pipelined_transaction() -> Iterator[Pipeline]:
    """A transaction of the hot path, without a scope yet: `enter_tenant` or `enter_operator`.

    Raises ScopeError inside a scope, which it would swap for another behind its back.
    """
    if _current.get() is not None:
        raise ScopeError("a scope is open: its statements go through pipeline()")
    connection.ensure_connection()
    raw = cast("psycopg.Connection[Any]", connection.connection)
    with raw.pipeline(), raw.transaction():
        yield Pipeline(raw)
