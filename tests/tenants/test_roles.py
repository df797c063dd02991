"""The permission table."""

from __future__ import annotations

import itertools
from uuid import uuid4

import pytest

from tenants.principals import Principal
from tenants.roles import PERMISSIONS, Permission, Role, allows


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
