"""How much each tenant has stored, estimated once an hour.

The bytes of every tenant's rows as they lie on disk, without indexes. Of a large table a sample of
its pages is read, so the hour's look costs the same however much there is.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from psycopg import sql

from tenants import scope
from tenants.models import TenantUsage
from tenants.rls import TenantRow

SAMPLE_PAGES = 2_000  # of a table; a page is 8 kB, and what it points at outside is not read
ROW_HEADER_BYTES = 28

_PAGES = "SELECT pg_relation_size(%s) / current_setting('block_size')::int"
_BYTES = """
SELECT tenant_id, sum({row})::bigint FROM {table} TABLESAMPLE SYSTEM ({percent}) GROUP BY tenant_id
"""


def measure() -> Counter[UUID]:
    """Estimate what every tenant has stored, and keep it for the limits: bytes by tenant.

    Safe to run in any number of copies.
    """
    found: Counter[UUID] = Counter()
    for model in apps.get_models():
        if issubclass(model, TenantRow):
            found += _bytes_in(model)
    with scope.operator("what tenants have stored is estimated for all of them"):
        _keep(found)
    return found


def _bytes_in(model: type[Model]) -> Counter[UUID]:
    table = model._meta.db_table
    columns = [sql.Identifier(str(field.column)) for field in model._meta.concrete_fields]
    row = sql.SQL(" + ").join(
        [
            sql.Literal(ROW_HEADER_BYTES),
            *(sql.SQL("coalesce(pg_column_size({}), 0)").format(column) for column in columns),
        ]
    )
    with (
        scope.operator("what tenants have stored is estimated for all of them"),
        connection.cursor() as cursor,
    ):
        cursor.execute(_PAGES, [table])
        (pages,) = cursor.fetchone()
        percent = min(100.0, 100.0 * SAMPLE_PAGES / max(pages, 1))
        statement = sql.SQL(_BYTES).format(
            row=row, table=sql.Identifier(table), percent=sql.Literal(percent)
        )
        cursor.execute(statement)
        rows = cursor.fetchall()
    return Counter({tenant: round(size * 100 / percent) for tenant, size in rows})


def _keep(found: Counter[UUID]) -> None:
    known = TenantUsage.objects.values_list("tenant_id", flat=True)
    # A tenant that has nothing more is brought to nought, one that is gone is not brought back.
    rows = [
        TenantUsage(tenant_id=tenant, stored_bytes=found[tenant], measured_at=Now())
        for tenant in {*found, *known}
    ]
    TenantUsage.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant"],
        update_fields=["stored_bytes", "measured_at"],
    )
