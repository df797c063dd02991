"""The proof of isolation by trying: on every table, everything one tenant could try on another.

No factories: a superuser puts a row of each tenant into every table, whatever it looks like, and
then becomes the application for each attempt. All of it happens in the caller's transaction.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tenants.isolation import APPEND_ONLY
from tenants.rls import OPERATOR_ROLE, TENANT_SETTING
from tests import environment

Connection = psycopg.Connection[Any]

OURS, THEIRS = UUID(int=0xA), UUID(int=0xB)
DENIED = "denied"
# Short enough for any column, and different for each tenant where a column must be unique.
SAMPLES: dict[UUID, dict[str, object]] = {
    tenant: {
        "boolean": True,
        "bytea": f"\\x{number:02x}",
        "date": f"2026-01-0{number}",
        "double precision": number,
        "inet": f"127.0.0.{number}",
        "integer": number,
        "bigint": number,
        "smallint": number,
        "numeric": number,
        "interval": f"{number} seconds",
        "jsonb": {},
        "character varying": str(number),
        "text": str(number),
        "character varying[]": [str(number)],
        "timestamp with time zone": f"2026-01-0{number}T00:00:00Z",
    }
    for number, tenant in enumerate([OURS, THEIRS], start=1)
}


@dataclass(frozen=True)
class Table:
    name: str
    tenant: str  # the column that says whose a row is
    required: dict[str, str]  # columns that may not be null, and their types

    def row_of(self, tenant: UUID) -> str:
        """A new row of the tenant, in JSON."""
        values = {
            column: str(uuid.uuid4()) if kind == "uuid" else SAMPLES[tenant][kind]
            for column, kind in self.required.items()
        }
        return json.dumps({**values, self.tenant: str(tenant)})


@dataclass(frozen=True)
class Attempt:
    """A statement of the application within `scope`; the rows it may get or change, or DENIED."""

    what: str
    scope: UUID | None
    statement: str
    allowed: tuple[int | str, ...]
    role: str = environment.APP


READ = "SELECT FROM {table} WHERE {tenant} = %(theirs)s"
CHANGE = "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} = %(theirs)s"
DELETE = "DELETE FROM {table} WHERE {tenant} = %(theirs)s"
GIVE = "UPDATE {table} SET {tenant} = %(theirs)s WHERE {tenant} = %(ours)s"
INSERT = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %(row)s)
"""

ATTEMPTS = (
    Attempt("the tenant reads its own row", THEIRS, READ, (1,)),
    Attempt("another tenant reads it", OURS, READ, (0,)),
    Attempt("another tenant changes it", OURS, CHANGE, (0, DENIED)),
    Attempt("another tenant deletes it", OURS, DELETE, (0, DENIED)),
    Attempt("another tenant gives its own row away", OURS, GIVE, (DENIED,)),
    Attempt("another tenant inserts one", OURS, INSERT, (DENIED,)),
    Attempt("somebody without a scope reads it", None, READ, (0,)),
    Attempt("somebody without a scope changes it", None, CHANGE, (0, DENIED)),
    Attempt("somebody without a scope deletes it", None, DELETE, (0, DENIED)),
    Attempt("somebody without a scope inserts one", None, INSERT, (DENIED,)),
    Attempt("somebody empties the table", OURS, "TRUNCATE {table} CASCADE", (DENIED,)),
)

# On a table whose rows stay as they are. The operator sees all of them, the owner may do anything
# that no trigger refuses.
_KEPT = (
    ("changes it", "UPDATE {table} SET seq = seq WHERE {tenant} = %(theirs)s"),
    ("deletes it", DELETE),
    ("empties the table", "TRUNCATE {table} CASCADE"),
)
KEPT_ATTEMPTS = tuple(
    Attempt(f"{who} {what}", THEIRS, statement, (DENIED,), role)
    for who, role in (
        ("the tenant", environment.APP),
        ("the operator", OPERATOR_ROLE),
        ("the owner", environment.OWNER),
    )
    for what, statement in _KEPT
)


def leaks(connection: Connection) -> list[str]:
    """What went otherwise than it must, in words; `connection` is a superuser's."""
    tables = tenant_tables(connection)
    for table in tables:
        _fill(connection, table)
    return [
        f"{table.name}: {attempt.what}: {outcome}"
        for table in tables
        for attempt in (*ATTEMPTS, *(KEPT_ATTEMPTS if table.name in APPEND_ONLY else ()))
        if (outcome := _try(connection, table, attempt)) not in attempt.allowed
    ]


def tenant_tables(connection: Connection) -> list[Table]:
    """Every table with a tenant column, and that of the tenants themselves."""
    rows = connection.execute(
        """
        SELECT c.relname, t.attname,
               jsonb_object_agg(a.attname, format_type(a.atttypid, NULL))
                   FILTER (WHERE a.attnotnull)
        FROM pg_class c
        JOIN pg_attribute t ON t.attrelid = c.oid
         AND t.attname = CASE c.relname WHEN 'tenants_tenant' THEN 'id' ELSE 'tenant_id' END
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        GROUP BY c.relname, t.attname ORDER BY c.relname
        """
    )
    return [Table(*row) for row in rows]


def _fill(connection: Connection, table: Table) -> None:
    """Put in a row of each tenant, past foreign keys and triggers."""
    connection.execute("SET LOCAL session_replication_role = replica")
    for tenant in (OURS, THEIRS):
        _run(connection, table, INSERT, table.row_of(tenant))
    connection.execute("SET LOCAL session_replication_role = origin")


def _try(connection: Connection, table: Table, attempt: Attempt) -> int | str:
    try:
        with _application(connection, attempt.scope, attempt.role):
            return _run(connection, table, attempt.statement, table.row_of(THEIRS))
    except InsufficientPrivilege:
        return DENIED


@contextmanager
def _application(
    connection: Connection, scope: UUID | None, role: str = environment.APP
) -> Iterator[None]:
    """Be the application, in the scope of a tenant or in none; undo what it did."""
    with connection.transaction(force_rollback=True):
        statement = sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(role))
        connection.execute(statement)
        connection.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, str(scope or "")])
        yield


def _run(connection: Connection, table: Table, statement: str, row: str) -> int:
    query = sql.SQL(statement).format(
        table=sql.Identifier(table.name),
        tenant=sql.Identifier(table.tenant),
        columns=sql.SQL(", ").join(map(sql.Identifier, table.required)),
    )
    return connection.execute(query, {"ours": OURS, "theirs": THEIRS, "row": row}).rowcount
