"""What is done with tenants: the verbs that every door shares."""

from __future__ import annotations

from tenants.services.invitations import (
    accept,
    accept_as_new,
    find_invitation,
    invitations_of,
    invite,
    revoke_invitation,
)
from tenants.services.keys import IssuedKey, find_key_holder, issue_key, revoke_key
from tenants.services.members import change_role, members_of, remove_member, renewed
from tenants.services.people import (
    Registration,
    admit_registration,
    find_member,
    is_verified,
    member_at,
    memberships_of,
    register,
    set_address,
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
from tenants.services.sessions import (
    address_of,
    end_session,
    end_sessions,
    has_second_factor,
    note_seen,
    remove_second_factors,
    session_lives,
    sessions_of,
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
    "accept",
    "accept_as_new",
    "address_of",
    "admit_registration",
    "change_role",
    "check_quota",
    "check_storage",
    "delete_secret",
    "delete_variable",
    "end_session",
    "end_sessions",
    "entries_of",
    "export",
    "find_invitation",
    "find_key_holder",
    "find_member",
    "has_second_factor",
    "invitations_of",
    "invite",
    "is_verified",
    "issue_key",
    "keyring",
    "member_at",
    "members_of",
    "memberships_of",
    "note_seen",
    "put_secret",
    "put_variable",
    "register",
    "remove_member",
    "remove_second_factors",
    "renewed",
    "revoke_invitation",
    "revoke_key",
    "seal",
    "secret_names",
    "secret_values",
    "secrets_of",
    "session_lives",
    "sessions_of",
    "set_address",
    "side",
    "tenants_of",
    "unseal",
    "variable_values",
    "variables_of",
    "verify",
]
