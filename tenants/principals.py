"""Who is asking: the answer that all doors share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from tenants.roles import Permission, Role, narrowed


@dataclass(frozen=True)
class Principal:
    """An authenticated caller, bound to one tenant by a membership or an API key."""

    kind: Literal["user", "api_key"]
    id: UUID
    tenant_id: UUID
    tenant_slug: str
    role: Role
    label: str
    scopes: frozenset[Permission] | None = None
    """To what an API key is narrowed within its role; None: to nothing less."""

    is_authenticated = True

    @property
    def keeps_secrets(self) -> bool:
        """Whether the caller may write secrets and variables; for templates."""
        return self.may(Permission.SECRETS)

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role has the permission, and their key is not narrowed below it."""
        return permission in self.permissions

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that the caller may."""
        return narrowed(self.role, self.scopes)

    @property
    def administers(self) -> bool:
        """Whether the caller is shown members, keys and the audit trail."""
        return self.may(Permission.ADMINISTER)
