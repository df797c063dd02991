"""Values on their way to Postgres as text, and how long their statements' plans are kept."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tenants import scope
from tenants.pipeline import PLANNED_ANEW, Pipeline
from tests import environment, servers


@pytest.mark.parametrize("value", [b"", b"\0\xff\\x'", bytes(range(256)), b"\\x00"])
def test_bytes_arrive_as_they_were(db: None, value: bytes) -> None:
    with scope.prepared_transaction() as pipeline:
        [(same, size)] = pipeline.run(
            "SELECT %(value)s::bytea, length(%(value)s::bytea)", {"value": value}
        )
    assert (same, size) == (value, len(value))


def test_a_plan_made_for_an_empty_table_is_not_kept_when_it_has_grown(db: None) -> None:
    find = "SELECT id FROM grown WHERE id = %(id)s"
    with servers.superuser(environment.DATABASE) as raw:
        raw.execute("CREATE TEMPORARY TABLE grown (id int PRIMARY KEY, filler text)")
        raw.execute("INSERT INTO grown VALUES (1, '')")
        raw.execute("ANALYZE grown")
        pipeline = Pipeline(raw)
        for _ in range(10):  # enough for Postgres to keep a plan
            assert pipeline.send([(find, {"id": 1})]) == [[(1,)]]
        raw.execute("INSERT INTO grown SELECT n, repeat('x', 100) FROM generate_series(2, 5000) n")
        assert "Seq Scan" in kept_plan(raw)
        for _ in range(PLANNED_ANEW):
            assert pipeline.send([(find, {"id": 1})]) == [[(1,)]]
        assert "Index" in kept_plan(raw)


def kept_plan(raw: psycopg.Connection[tuple[object, ...]]) -> str:
    """How Postgres runs the one statement that was prepared here."""
    [(name,)] = raw.execute("SELECT name FROM pg_prepared_statements")
    explain = sql.SQL("EXPLAIN EXECUTE {}(1)").format(sql.Identifier(str(name)))
    return "\n".join(str(line) for (line,) in raw.execute(explain))
