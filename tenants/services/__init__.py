"""What is done with tenants: the verbs that every door shares."""

from __future__ import annotations

from tenants.services.keys import IssuedKey, find_key_holder, issue_key
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
    keyring,
    put_secret,
    seal,
    secret_names,
    secret_values,
    secrets_of,
    unseal,
)
from tenants.services.variables import put_variable, variable_values, variables_of

__all__ = [
    "MIN_SECRET_LENGTH",
    "IssuedKey",
    "Registration",
    "admit_registration",
    "check_quota",
    "check_storage",
    "find_key_holder",
    "find_member",
    "issue_key",
    "keyring",
    "put_secret",
    "put_variable",
    "register",
    "seal",
    "secret_names",
    "secret_values",
    "secrets_of",
    "tenants_of",
    "unseal",
    "variable_values",
    "variables_of",
]
