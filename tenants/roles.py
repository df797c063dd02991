"""Who may do what: the one permission table of pages, API, sockets and admin."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member's role in a tenant; each may do all that the one below it may."""

    OWNER = "owner"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """Something a request may need."""

    VIEW = "view"  # see workflows, executions, endpoints (never secrets' values)
    RUN = "run"  # start, cancel, resume executions
    EDIT = "edit"  # change and publish workflows, endpoints
    SECRETS = "secrets"  # write secrets and variables
    ADMINISTER = "administer"  # members, invitations and API keys


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {Permission.RUN}
_EDITOR = _OPERATOR | {Permission.EDIT, Permission.SECRETS}
_OWNER = _EDITOR | {Permission.ADMINISTER}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.EDITOR: _EDITOR,
    Role.OPERATOR: _OPERATOR,
    Role.VIEWER: _VIEWER,
}


def allows(role: Role, permission: Permission) -> bool:
    """Whether a member with this role has the permission."""
    return permission in PERMISSIONS[role]


def may_grant(granter: Role, role: Role) -> bool:
    """Whether a member with the role `granter` may give `role` to others, or take it from them."""
    return allows(granter, Permission.ADMINISTER) and PERMISSIONS[role] <= PERMISSIONS[granter]
