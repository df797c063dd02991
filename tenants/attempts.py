"""The proof of isolation by trying: on every table, everything one tenant could try on another.

No factories: a row of each of two new tenants is put into every table, whatever it looks like, by
the application itself, which is also who then tries. All of it is undone; nothing is committed.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tenants.isolation import APPEND_ONLY
from tenants.rls import OPERATOR_ROLE, TENANT_SETTING

Connection = psycopg.Connection[Any]
Row = Mapping[str, object]
Side = Literal["ours", "theirs"]

DENIED = "denied"
ITSELF = "none"  # no other role: the application as it is connected

# By type what a column takes; of texts and bytes as much as fits.
_SAMPLES: Mapping[str, object] = {
    "boolean": True,
    "date": "2026-01-01",
    "double precision": 1,
    "inet": "127.0.0.1",
    "integer": 1,
    "bigint": 1,
    "smallint": 1,
    "numeric": 1,
    "interval": "1 second",
    "jsonb": {},
    "character varying[]": ["1"],
    "timestamp with time zone": "2026-01-01T00:00:00Z",
}
_VARCHAR_HEADER = 4  # what Postgres adds to the length in atttypmod


@dataclass(frozen=True)
class Column:
    """One that may not be null and that Postgres does not number by itself."""

    kind: str
    modifier: int  # -1: any length

    def sample(self) -> object:
        """A value of the type, another one each time where it may have to be unique."""
        if self.kind == "uuid":
            return str(uuid.uuid4())
        if self.kind == "bytea":
            return f"\\x{secrets.token_hex(16)}"
        if self.kind in ("text", "character varying", "character"):
            length = self.modifier - _VARCHAR_HEADER if self.modifier > 0 else None
            return secrets.token_hex(16)[:length]
        return _SAMPLES[self.kind]


@dataclass(frozen=True)
class Table:
    """A table with a tenant, as the catalog describes it."""

    name: str
    tenant: str  # the column that says whose a row is
    required: Mapping[str, Column]
    parents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By the tables that a row must point at: its columns, and those that they repeat."""

    def row_of(self, tenant: UUID, others: Mapping[str, Row]) -> Row:
        """A new row of the tenant; `others` are the tenant's rows in the parents."""
        row = {name: column.sample() for name, column in self.required.items()}
        for parent, columns in self.parents.items():
            for mine, theirs in columns.items():
                row[mine] = others.get(parent, {}).get(theirs, row[mine])
        return {**row, self.tenant: str(tenant)}


@dataclass(frozen=True)
class Attempt:
    """A statement of the application in a scope; the rows it may get or change, or DENIED."""

    what: str
    scope: Side | None
    statement: str
    allowed: tuple[int | str, ...]
    role: str = ITSELF


@dataclass(frozen=True)
class Tried:
    """What came of an attempt: a number of rows, DENIED, or another error's name."""

    place: str  # the table, or the door that somebody knocked at
    what: str
    outcome: int | str
    held: bool

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.outcome}"


@dataclass(frozen=True)
class Planted:
    """Two new tenants with a row in each table that took one."""

    ours: UUID
    theirs: UUID
    rows: Mapping[Side, dict[str, Row]] = field(default_factory=lambda: {"ours": {}, "theirs": {}})
    refused: list[Tried] = field(default_factory=list)


INSERT = """
INSERT INTO {table} ({columns})
SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %(row)s::jsonb)
"""
READ = "SELECT FROM {table} WHERE {tenant} = %(theirs)s"
CHANGE = "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} = %(theirs)s"
DELETE = "DELETE FROM {table} WHERE {tenant} = %(theirs)s"
EMPTY = "TRUNCATE {table} CASCADE"
GIVE = "UPDATE {table} SET {tenant} = %(theirs)s WHERE {tenant} = %(ours)s"

ATTEMPTS = (
    Attempt("the tenant reads its own row", "theirs", READ, (1,)),
    Attempt("another tenant reads it", "ours", READ, (0,)),
    Attempt("another tenant changes it", "ours", CHANGE, (0, DENIED)),
    Attempt("another tenant deletes it", "ours", DELETE, (0, DENIED)),
    Attempt("another tenant gives its own row away", "ours", GIVE, (DENIED,)),
    Attempt("another tenant inserts one", "ours", INSERT, (DENIED,)),
    Attempt("somebody without a scope reads it", None, READ, (0,)),
    Attempt("somebody without a scope changes it", None, CHANGE, (0, DENIED)),
    Attempt("somebody without a scope deletes it", None, DELETE, (0, DENIED)),
    Attempt("somebody without a scope inserts one", None, INSERT, (DENIED,)),
    Attempt("somebody empties the table", "ours", EMPTY, (DENIED,)),
)
# On a table whose rows stay as they are; the operator sees all of them.
KEPT_ATTEMPTS = tuple(
    Attempt(f"{who} {what}", "theirs", statement, (DENIED,), role)
    for who, role in (("the tenant", ITSELF), ("the operator", OPERATOR_ROLE))
    for what, statement in (
        ("changes it", "UPDATE {table} SET seq = seq WHERE {tenant} = %(theirs)s"),
        ("deletes it", DELETE),
        ("empties the table", EMPTY),
    )
)
OWN_ROW = "the tenant inserts its own row"


def tried(connection: Connection) -> list[Tried]:
    """Everything on every table; the connection is the application's. Nothing of it stays."""
    with connection.transaction(force_rollback=True):
        tables = tenant_tables(connection)
        planted = plant(connection, tables)
        filled = [table for table in tables if table.name in planted.rows["theirs"]]
        return planted.refused + [
            _try(connection, table, attempt, planted)
            for table in filled
            for attempt in (*ATTEMPTS, *(KEPT_ATTEMPTS if table.name in APPEND_ONLY else ()))
        ]


def tenant_tables(connection: Connection) -> list[Table]:
    """Every table with a tenant column, and that of the tenants themselves; parents first."""
    parents = _parents(connection)
    found = {}
    for name, tenant, described in connection.execute(_TABLES):
        required = {column: Column(*given) for column, given in json.loads(described).items()}
        keys = parents.get(name, [])
        wanted = {to: columns for to, columns in keys if set(columns) <= set(required)}
        found[name] = Table(name, tenant, required, wanted)
    graph = {
        name: [parent for parent in table.parents if parent in found and parent != name]
        for name, table in found.items()
    }
    try:
        return [found[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError:  # then a row says at its insertion what it lacks
        return list(found.values())


# As text: Django and psycopg do not read JSON alike.
_TABLES = """
SELECT c.relname, t.attname,
       jsonb_object_agg(a.attname, jsonb_build_array(format_type(a.atttypid, NULL), a.atttypmod))
           FILTER (WHERE a.attnotnull AND a.attidentity = '') #>> '{}'
FROM pg_class c
JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped
 AND t.attname = CASE c.relname WHEN 'tenants_tenant' THEN 'id' ELSE 'tenant_id' END
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.relname, t.attname ORDER BY c.relname
"""
# A key that is looked at when the transaction ends is not looked at here: it is undone before.
_PARENTS = """
SELECT child.relname, parent.relname, jsonb_object_agg(mine.attname, theirs.attname) #>> '{}'
FROM pg_constraint k
JOIN pg_class child ON child.oid = k.conrelid
JOIN pg_class parent ON parent.oid = k.confrelid
CROSS JOIN unnest(k.conkey, k.confkey) AS pair (mine, theirs)
JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attnum = pair.mine
JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attnum = pair.theirs
WHERE k.contype = 'f' AND NOT k.condeferred
GROUP BY child.relname, parent.relname, k.oid
"""


def _parents(connection: Connection) -> dict[str, list[tuple[str, dict[str, str]]]]:
    found: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for child, parent, columns in connection.execute(_PARENTS):
        found.setdefault(child, []).append((parent, json.loads(columns)))
    return found


def plant(connection: Connection, tables: list[Table]) -> Planted:
    """Put a row of each of two new tenants into the tables, each in its own tenant's scope."""
    planted = Planted(uuid.uuid4(), uuid.uuid4())
    for table in tables:
        for side, tenant in (("ours", planted.ours), ("theirs", planted.theirs)):
            rows = planted.rows["ours" if side == "ours" else "theirs"]
            row = table.row_of(tenant, rows)
            with _entered(connection, tenant, ITSELF, undo=False):
                outcome = _run(connection, table, INSERT, row, planted)
            if outcome == 1:
                rows[table.name] = row
            else:
                planted.refused.append(Tried(table.name, OWN_ROW, outcome, held=False))
    return planted


def _try(connection: Connection, table: Table, attempt: Attempt, planted: Planted) -> Tried:
    scopes = {"ours": planted.ours, "theirs": planted.theirs, None: None}
    row = table.row_of(planted.theirs, planted.rows["theirs"])
    with _entered(connection, scopes[attempt.scope], attempt.role, undo=True):
        outcome = _run(connection, table, attempt.statement, row, planted)
    return Tried(table.name, attempt.what, outcome, outcome in attempt.allowed)


@contextmanager
def _entered(
    connection: Connection, tenant: UUID | None, role: str, *, undo: bool
) -> Iterator[None]:
    """Be the application, or a role it may become, in the scope of a tenant or in none."""
    with connection.transaction(force_rollback=undo):
        connection.execute(
            "SELECT set_config('role', %s, true), set_config(%s, %s, true)",
            [role, TENANT_SETTING, str(tenant or "")],
        )
        yield


def _run(
    connection: Connection, table: Table, statement: str, row: Row, planted: Planted
) -> int | str:
    query = sql.SQL(statement).format(
        table=sql.Identifier(table.name),
        tenant=sql.Identifier(table.tenant),
        columns=sql.SQL(", ").join(map(sql.Identifier, table.required)),
    )
    values = {"ours": planted.ours, "theirs": planted.theirs, "row": json.dumps(row)}
    try:
        with connection.transaction():
            return connection.execute(query, values).rowcount
    except InsufficientPrivilege:
        return DENIED
    except psycopg.Error as error:  # not refused for who asks, so not held back either
        return type(error).__name__
