"""Variables: a tenant's plain settings."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from tenants.actions import Action
from tenants.models import Variable
from tenants.services import audit


def put_variable(*, tenant_id: UUID, name: str, value: object) -> tuple[Variable, bool]:
    """Create or replace a variable; says whether it is new."""
    old = variables_of(tenant_id).filter(name=name).first()
    variable, created = Variable.objects.update_or_create(
        tenant_id=tenant_id, name=name, defaults={"value": value}
    )
    before = None if old is None else {name: old.value}  # masked by that name
    audit.record(Action.VARIABLE_WRITTEN, variable, before=before, after={name: value})
    return variable, created


def delete_variable(*, tenant_id: UUID, name: str) -> bool:
    """Delete a variable; False: there is none of that name."""
    variable = variables_of(tenant_id).filter(name=name).first()
    if variable is None:
        return False
    audit.record(Action.VARIABLE_DELETED, variable, before={name: variable.value})
    variable.delete()
    return True


def variables_of(tenant_id: UUID) -> QuerySet[Variable]:
    """A tenant's plain settings as rows."""
    return Variable.objects.filter(tenant_id=tenant_id)


def variable_values(tenant_id: UUID) -> dict[str, object]:
    """A tenant's plain settings."""
    return dict(variables_of(tenant_id).values_list("name", "value"))
