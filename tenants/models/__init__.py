"""Tenants, their people, keys, secrets and variables."""

from __future__ import annotations

from tenants.models.keys import ApiKey
from tenants.models.names import Secret, Variable, name_validator
from tenants.models.people import ROLES, Invitation, Membership, Tenant, User, UserManager

__all__ = [
    "ROLES",
    "ApiKey",
    "Invitation",
    "Membership",
    "Secret",
    "Tenant",
    "User",
    "UserManager",
    "Variable",
    "name_validator",
]
