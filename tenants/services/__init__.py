"""What is done with tenants: the verbs that every door shares."""

from __future__ import annotations

from tenants.services.keys import IssuedKey, find_key_holder, issue_key, revoke_key
from tenants.services.people import (
    Registration,
    admit_registration,
    find_member,
    register,
    tenants_of,
)
from tenants.services.quotas import check_quota, check_storage
from tenants.services.secrets import (
    MIN_SECRET_LENGTH,
    delete_secret,
    keyring,
    put_secret,
    seal,
    secret_names,
    secret_values,
    secrets_of,
    unseal,
)
from tenants.services.trail import COLUMNS as AUDIT_COLUMNS
from tenants.services.trail import Chain, entries_of, export, side, verify
from tenants.services.variables import (
    delete_variable,
    put_variable,
    variable_values,
    variables_of,
)

__all__ = [
    "AUDIT_COLUMNS",
    "MIN_SECRET_LENGTH",
    "Chain",
    "IssuedKey",
    "Registration",
    "admit_registration",
    "check_quota",
    "check_storage",
    "delete_secret",
    "delete_variable",
    "entries_of",
    "export",
    "find_key_holder",
    "find_member",
    "issue_key",
    "keyring",
    "put_secret",
    "put_variable",
    "register",
    "revoke_key",
    "seal",
    "secret_names",
    "secret_values",
    "secrets_of",
    "side",
    "tenants_of",
    "unseal",
    "variable_values",
    "variables_of",
    "verify",
]
