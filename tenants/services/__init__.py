"""What is done with tenants: the verbs that every door shares."""

from __future__ import annotations

from tenants.services.keys import IssuedKey, find_key_holder, issue_key
from tenants.services.people import Registration, find_member, register, tenants_of
from tenants.services.sealing import SEALED, SealedColumn
from tenants.services.secrets import (
    MIN_SECRET_LENGTH,
    WIDENS,
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
    widens,
)
from tenants.services.variables import (
    MAX_VALUE_LENGTH,
    delete_variable,
    put_variable,
    unstorable,
    variable_values,
    variables_of,
)

__all__ = [
    "MAX_VALUE_LENGTH",
    "MIN_SECRET_LENGTH",
    "SEALED",
    "WIDENS",
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
    "unstorable",
    "variable_values",
    "variables_of",
    "widens",
]
