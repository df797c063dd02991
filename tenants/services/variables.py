"""Variables: a tenant's plain settings."""

from __future__ import annotations

import json
import re
from uuid import UUID

from django.db.models import QuerySet

from tenants.actions import Action
from tenants.models import Variable
from tenants.services import audit

MAX_VALUE_LENGTH = 65_536  # characters of a secret, or of a variable's JSON

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON spells it; Postgres stores none


def unstorable(value: object) -> str | None:
    """What keeps a value from being a variable's, as a sentence."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):  # an infinite number, or half of a surrogate pair
        return "Numbers must be finite and text must be Unicode."
    if _NUL.search(text):
        return "Text may not hold a NUL character."
    if len(text) > MAX_VALUE_LENGTH:
        return f"Give at most {MAX_VALUE_LENGTH} characters of JSON."
    return None


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
