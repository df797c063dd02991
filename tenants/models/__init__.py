"""Tenants, their people, keys, secrets, variables and audit trail."""

from __future__ import annotations

from tenants.models.audit import (
    AuditEntry,
    AuditFields,
    AuditHead,
    PlatformAuditEntry,
    PlatformAuditHead,
)
from tenants.models.keys import ApiKey
from tenants.models.limits import TenantLimits, TenantUsage, validate_rate
from tenants.models.names import Secret, Variable, name_validator
from tenants.models.people import ROLES, Invitation, Membership, Tenant, User, UserManager

__all__ = [
    "ROLES",
    "ApiKey",
    "AuditEntry",
    "AuditFields",
    "AuditHead",
    "Invitation",
    "Membership",
    "PlatformAuditEntry",
    "PlatformAuditHead",
    "Secret",
    "Tenant",
    "TenantLimits",
    "TenantUsage",
    "User",
    "UserManager",
    "Variable",
    "name_validator",
    "validate_rate",
]
