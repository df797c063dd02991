"""What is done with tenants: the verbs that every door shares."""

from __future__ import annotations

from tenants.services.keys import IssuedKey, find_key_holder, issue_key
from tenants.services.people import Registration, find_member, register, tenants_of
from tenants.services.sealing import SEALED, SealedColumn
from tenants.services.secrets import (
    MIN_SECRET_LENGTH,
    OpenSecret,
    delete_secret,
    keyring,
    narrow_hosts,
    open_secrets,
    put_secret,
    seal,
    secret_hosts,
    secret_purpose,
    secrets_of,
    unseal,
)
from tenants.services.variables import (
    delete_variable,
    put_variable,
    variable_values,
    variables_of,
)

__all__ = [
    "MIN_SECRET_LENGTH",
    "SEALED",
    "IssuedKey",
    "OpenSecret",
    "Registration",
    "SealedColumn",
    "delete_secret",
    "delete_variable",
    "find_key_holder",
    "find_member",
    "issue_key",
    "keyring",
    "narrow_hosts",
    "open_secrets",
    "put_secret",
    "put_variable",
    "register",
    "seal",
    "secret_hosts",
    "secret_purpose",
    "secrets_of",
    "tenants_of",
    "unseal",
    "variable_values",
    "variables_of",
]
