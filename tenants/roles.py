"""Who may do what: the one permission table of pages, API, sockets and admin."""

from __future__ import annotations

from collections.abc import Collection
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
    DECIDE = "decide"  # give or refuse the approvals that ask for one
    RUN = "run"  # start, cancel, resume executions
    EDIT = "edit"  # change and publish workflows, endpoints
    SECRETS = "secrets"  # write secrets and variables
    ADMINISTER = "administer"  # members, invitations and API keys


_VIEWER = frozenset({Permission.VIEW, Permission.DECIDE})
_OPERATOR = _VIEWER | {Permission.RUN}
_EDITOR = _OPERATOR | {Permission.EDIT, Permission.SECRETS}
_OWNER = _EDITOR | {Permission.ADMINISTER}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.EDITOR: _EDITOR,
    Role.OPERATOR: _OPERATOR,
    Role.VIEWER: _VIEWER,
}


def narrowed(role: Role, scopes: Collection[str] | None) -> frozenset[Permission]:
    """What the role may, of that only what the scopes name; None narrows nothing."""
    held = PERMISSIONS[role]
    return held if scopes is None else held.intersection(scopes)


def may_grant(held: frozenset[Permission], given: frozenset[Permission]) -> bool:
    """Whether somebody with the permissions `held` may give, or take away, those `given`."""
    return Permission.ADMINISTER in held and given <= held
