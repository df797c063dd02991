"""Which columns hold sealed values: each of them can be sealed anew (config/rotation.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenants.models import Secret
from tenants.rls import TenantModel
from tenants.services.secrets import secret_purpose


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values; `purpose` says of a row what its value is sealed for."""

    model: type[TenantModel]
    field: str
    purpose: Callable[[Any], str]

    def __str__(self) -> str:
        return f"{self.model._meta.db_table}.{self.field}"


def _of_secret(row: Secret) -> str:
    return secret_purpose(row.name)


SEALED = (SealedColumn(Secret, "sealed", _of_secret),)
"""Those of this app. Every app with such columns has a list of them."""
