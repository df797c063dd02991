"""The tenant scope: the only place that names a tenant, or the operator role, to Postgres.

A scope is a transaction: the setting and the role are local to it, so nothing survives on a pooled
connection. A scope may be narrowed (operator to one tenant) and never widened or swapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import psycopg
import structlog
from django.db import connection, transaction

from tenants.rls import OPERATOR_ROLE, TENANT_SETTING

log = structlog.get_logger(__name__)

# Parameters of hand-written statements run in `pipeline()`.
SET_TENANT = f"SELECT set_config('{TENANT_SETTING}', %s, true)"
ENTER_OPERATOR = f"SET LOCAL ROLE {OPERATOR_ROLE}"
LEAVE_OPERATOR = "RESET ROLE"


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
            try:
                yield
            finally:
                # Alone, the end of the transaction clears it all; inside another, we do.
                if nested and not connection.needs_rollback:
                    _tell(outer or Scope(None))
    finally:
        _current.reset(token)


def _tell(scope: Scope) -> None:
    role = ENTER_OPERATOR if scope.operator else LEAVE_OPERATOR
    with connection.cursor() as cursor:
        cursor.execute(f"{role}; {SET_TENANT}", [str(scope.tenant_id or "")])


@contextmanager
def pipeline() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor on Django's connection whose statements share round trips and stay prepared.

    For the hand-written SQL of the hot path. Within it a transaction is opened with
    `cursor.connection.transaction()` where none is open yet.
    """
    connection.ensure_connection()
    raw = cast("psycopg.Connection[Any]", connection.connection)
    with raw.pipeline(), psycopg.Cursor(raw) as cursor:
        yield cursor
