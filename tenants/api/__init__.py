"""The API of tenants. Views translate; services decide."""

from __future__ import annotations

from tenants.api.audit import AuditExport, AuditViews
from tenants.api.egress import EgressView
from tenants.api.keys import KeyViews
from tenants.api.members import InvitationViews, MemberViews
from tenants.api.registration import Register
from tenants.api.secrets import SecretViews
from tenants.api.variables import VariableViews

__all__ = [
    "AuditExport",
    "AuditViews",
    "EgressView",
    "InvitationViews",
    "KeyViews",
    "MemberViews",
    "Register",
    "SecretViews",
    "VariableViews",
]
