"""Variables: a tenant's plain settings."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from tenants.models import Variable


def put_variable(*, tenant_id: UUID, name: str, value: object) -> tuple[Variable, bool]:
    """Create or replace a variable; says whether it is new."""
    return Variable.objects.update_or_create(
        tenant_id=tenant_id, name=name, defaults={"value": value}
    )


def delete_variable(*, tenant_id: UUID, name: str) -> bool:
    """Delete a variable; False: there is none of that name."""
    deleted, _ = variables_of(tenant_id).filter(name=name).delete()
    return bool(deleted)


def variables_of(tenant_id: UUID) -> QuerySet[Variable]:
    """A tenant's plain settings as rows."""
    return Variable.objects.filter(tenant_id=tenant_id)


def variable_values(tenant_id: UUID) -> dict[str, object]:
    """A tenant's plain settings."""
    return dict(variables_of(tenant_id).values_list("name", "value"))
