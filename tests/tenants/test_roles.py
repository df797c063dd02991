"""The permission table."""

from __future__ import annotations

import itertools
import re
from uuid import uuid4

import pytest

from config.local.home import PROJECT
from tenants.principals import Principal
from tenants.roles import PERMISSIONS, Permission, Role, allows, may_grant


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (Role.VIEWER, {"view"}),
        (Role.OPERATOR, {"view", "run"}),
        (Role.EDITOR, {"view", "run", "edit", "secrets"}),
        (Role.OWNER, {"view", "run", "edit", "secrets", "administer"}),
    ],
)
def test_a_role_may_do_this_and_no_more(role: Role, permissions: set[str]) -> None:
    assert {permission for permission in Permission if allows(role, permission)} == permissions


def test_every_role_may_do_all_that_the_one_below_it_may() -> None:
    assert set(PERMISSIONS) == set(Role)
    for above, below in itertools.pairwise(Role):
        assert PERMISSIONS[above] > PERMISSIONS[below]


def test_a_principal_may_what_its_role_may() -> None:
    principal = Principal("user", uuid4(), uuid4(), "acme", Role.OPERATOR, "ann@acme.example")
    assert principal.may(Permission.RUN)
    assert not principal.may(Permission.EDIT)


def test_only_owners_grant_and_they_grant_everything() -> None:
    granted = {(by, role) for by in Role for role in Role if may_grant(by, role)}
    assert granted == {(Role.OWNER, role) for role in Role}


def test_the_guide_shows_this_table() -> None:
    lines = (PROJECT / "docs" / "PEOPLE.md").read_text().splitlines()
    [head] = [line for line in lines if line.startswith("| permission |")]
    roles = [cell.strip() for cell in head.split("|")[3:-1]]
    shown: dict[str, set[str]] = {role: set() for role in roles}
    for line in lines:
        if found := re.match(r"\| `(\w+)` \|[^|]+\|(.+)\|$", line):
            for role, cell in zip(roles, found[2].split("|"), strict=True):
                shown[role] |= {found[1]} if cell.strip() == "yes" else set()
    assert shown == {str(role): set(map(str, PERMISSIONS[role])) for role in Role}
