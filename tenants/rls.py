"""Row-level security as Django declares it: policies, tenants' rows, keys within a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import uuid_utils.compat
from django.db import models
from django.db.backends.ddl_references import Statement, Table
from django_rls.models import RLSModel
from django_rls.policies import BasePolicy

TENANT_SETTING = "app.current_tenant_id"
OPERATOR_ROLE = "stepwell_operator"

# The scalar sub-select is evaluated once a statement (an InitPlan), not once a row. After a
# SET LOCAL has ended the setting is '' instead of NULL, hence the NULLIF.
CURRENT_TENANT = f"(SELECT NULLIF(current_setting('{TENANT_SETTING}', true), '')::uuid)"


class TenantIsolation(BasePolicy):
    """Rows are visible and writable only within the scope of their own tenant."""

    def __init__(self, column: str = "tenant_id") -> None:
        self.column = column
        super().__init__("tenant_isolation", roles="public")

    def get_sql_expression(self) -> str:
        return f"{self.column} = {CURRENT_TENANT}"


class OperatorAccess(BasePolicy):
    """The operator role sees all tenants; it is entered by name and reason (tenants/scope.py)."""

    def __init__(self) -> None:
        super().__init__("operator_access", roles=OPERATOR_ROLE)

    def get_sql_expression(self) -> str:
        return "true"


class TenantRow(RLSModel):
    """A row of business data: it belongs to exactly one tenant.

    Its tenant exists because the row it is part of exists (SameTenant); a key of its own to the
    tenant would lock that one row in every write of the hot path.
    """

    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    # django-rls's own manager asks for a context that we do not use.
    objects = models.Manager()  # type: ignore[assignment,misc]

    class Meta:
        abstract = True
        rls_policies = [TenantIsolation(), OperatorAccess()]


class TenantModel(TenantRow):
    """A tenant's row with an id of its own. Ids are UUIDv7, so the newest sorts last."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)

    class Meta(TenantRow.Meta):
        abstract = True


class TenantRoot(TenantModel):
    """A row that is part of no other: it is bound to its tenant by a key of its own."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False
    )

    class Meta(TenantModel.Meta):
        abstract = True


def tenant_key() -> models.UniqueConstraint:
    """The key (tenant, id), the target of SameTenant."""
    return models.UniqueConstraint(
        fields=["tenant", "id"], name="%(app_label)s_%(class)s_tenant_key"
    )


class SameTenant(models.BaseConstraint):
    """A foreign key (tenant, field) to (tenant, id): Postgres does not apply RLS to plain ones.

    The model's own field is declared with `db_constraint=False`. A deferred key is looked at when
    the transaction ends, so that the row may be written before the one that it points at.
    """

    def __init__(
        self,
        field: str,
        to: str,
        *,
        on_delete: str = "CASCADE",
        deferred: bool = False,
        name: str = "",
    ) -> None:
        super().__init__(name=name or f"%(app_label)s_%(class)s_{field}_same_tenant")
        self.field, self.to, self.on_delete, self.deferred = field, to, on_delete, deferred

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        return self.create_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        """Put the key off until all tables exist: two models may point at each other."""
        target = model._meta.apps.get_model(self.to)._meta.db_table
        statement = Statement(
            "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY (tenant_id, %(column)s) "
            "REFERENCES %(target)s (tenant_id, id) ON DELETE %(on_delete)s%(deferred)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
            column=schema_editor.quote_name(model._meta.get_field(self.field).column),
            target=Table(target, schema_editor.quote_name),
            on_delete=self._on_delete(schema_editor, model),
            deferred=" DEFERRABLE INITIALLY DEFERRED" if self.deferred else "",
        )
        schema_editor.deferred_sql.append(statement)
        return ""

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table, name = map(schema_editor.quote_name, (model._meta.db_table, self.name))
        return f"ALTER TABLE {table} DROP CONSTRAINT {name}"

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to tell a person: only a programming error can break this key."""

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        own = {
            "field": self.field,
            "to": self.to,
            "on_delete": self.on_delete,
            "deferred": self.deferred,
        }
        return path, args, {**kwargs, **own}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameTenant) and self.deconstruct() == other.deconstruct()

    __hash__ = None  # type: ignore[assignment]  # compared by the migration autodetector, never hashed

    def _on_delete(self, schema_editor: Any, model: Any) -> str:
        if self.on_delete != "SET NULL":
            return self.on_delete
        # Only the reference becomes null, not the tenant (Postgres 15 and newer).
        column = schema_editor.quote_name(model._meta.get_field(self.field).column)
        return f"SET NULL ({column})"
