"""Roles, removal, and the owner that a tenant keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from tenants import scope, services
from tenants.models import ApiKey, Invitation, Membership, User
from tenants.problems import Problem
from tenants.roles import Role
from tenants.signals import access_changed
from tests import factories
from tests.factories import People


@pytest.fixture
def people(db: None) -> People:
    return factories.make_people()


@pytest.fixture
def told() -> Iterator[list[UUID]]:
    """Whose access was said to have changed."""
    heard: list[UUID] = []

    def listen(sender: object, user_id: UUID, **_: object) -> None:
        heard.append(user_id)

    access_changed.connect(listen)
    yield heard
    access_changed.disconnect(listen)


def membership(people: People, user: User) -> Membership:
    with scope.tenant(people.acme.id):
        return Membership.objects.get(user=user)


def change(people: People, user: User, role: Role, by: Role = Role.OWNER) -> None:
    with scope.tenant(people.acme.id):
        services.change_role(member=membership(people, user), role=role, by=by)


def remove(people: People, user: User, by: Role | None = Role.OWNER) -> None:
    with scope.tenant(people.acme.id):
        services.remove_member(member=membership(people, user), by=by)


def role_of(people: People, user: User) -> Role | None:
    principal = services.find_member(user, "acme")
    return principal.role if principal else None


def test_members_are_those_of_the_tenant(people: People) -> None:
    with scope.tenant(people.acme.id):
        found = {member.user.email: member.role for member in services.members_of(people.acme.id)}
    assert found == {
        "alice@acme.example": "owner",
        "ed@acme.example": "editor",
        "otto@acme.example": "operator",
        "vera@acme.example": "viewer",
    }


def test_a_new_role_holds_at_once(people: People) -> None:
    change(people, people.vera, Role.EDITOR)
    assert role_of(people, people.vera) == Role.EDITOR


def test_who_is_removed_is_no_member(people: People) -> None:
    remove(people, people.ed)
    assert role_of(people, people.ed) is None


@pytest.mark.parametrize("by", [Role.EDITOR, Role.OPERATOR, Role.VIEWER])
def test_only_owners_change_others(people: People, by: Role) -> None:
    with pytest.raises(Problem) as changed:
        change(people, people.vera, Role.VIEWER, by=by)
    with pytest.raises(Problem) as removed:
        remove(people, people.vera, by=by)
    assert (changed.value.status, removed.value.status) == (403, 403)
    assert role_of(people, people.vera) == Role.VIEWER


def test_the_last_owner_is_neither_demoted_nor_removed_nor_leaves(people: People) -> None:
    attempts: list[Callable[[], None]] = [
        lambda: change(people, people.alice, Role.EDITOR),
        lambda: remove(people, people.alice),
        lambda: remove(people, people.alice, by=None),
    ]
    for attempt in attempts:
        with pytest.raises(Problem) as refused:
            attempt()
        assert (refused.value.status, refused.value.code) == (409, "last-owner")
    assert role_of(people, people.alice) == Role.OWNER


def test_an_owner_goes_where_another_stays(people: People) -> None:
    change(people, people.ed, Role.OWNER)
    remove(people, people.alice)
    assert role_of(people, people.alice) is None


def test_an_owner_whose_account_is_closed_counts_for_none(people: People) -> None:
    change(people, people.ed, Role.OWNER)
    User.objects.filter(pk=people.ed.pk).update(is_active=False)
    with pytest.raises(Problem, match="last owner"):
        remove(people, people.alice)


def test_who_has_left_meanwhile_is_not_found(people: People) -> None:
    gone = membership(people, people.vera)
    remove(people, people.vera)
    with scope.tenant(people.acme.id), pytest.raises(Problem) as refused:
        services.remove_member(member=gone, by=Role.OWNER)
    assert refused.value.status == 404


@pytest.mark.parametrize("leaves", [True, False])
def test_what_somebody_promised_as_an_owner_ends_with_it(people: People, leaves: bool) -> None:
    change(people, people.ed, Role.OWNER)
    factories.make_invitation(people.acme, people.ed, "a@x.example")
    factories.make_invitation(people.acme, people.alice, "b@x.example")
    if leaves:
        remove(people, people.ed)
    else:
        change(people, people.ed, Role.EDITOR)
    with scope.tenant(people.acme.id):
        open_ones = services.invitations_of(people.acme.id)
        assert [invitation.email for invitation in open_ones] == ["b@x.example"]
        assert Invitation.objects.count() == 2


def test_keys_belong_to_the_tenant_and_stay(people: People) -> None:
    token = factories.make_key(people.acme, Role.EDITOR)
    remove(people, people.ed)
    assert services.find_key_holder(token) is not None


def test_a_change_is_told_once_it_is_committed(
    people: People, told: list[UUID], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        change(people, people.vera, Role.EDITOR)
        assert told == []
    with django_capture_on_commit_callbacks(execute=True):
        remove(people, people.vera)
    assert told == [people.vera.id] * 2


def test_a_principal_is_what_it_is_now(people: People) -> None:
    principal = factories.principal_of(people.ed, people.acme)
    change(people, people.ed, Role.VIEWER)
    with scope.tenant(people.acme.id):
        renewed = services.renewed(principal)
        assert renewed is not None
        assert renewed.role == Role.VIEWER
    remove(people, people.ed)
    with scope.tenant(people.acme.id):
        assert services.renewed(principal) is None


def test_a_revoked_key_is_no_principal(people: People) -> None:
    principal = services.find_key_holder(factories.make_key(people.acme))
    assert principal is not None
    with scope.tenant(people.acme.id):
        assert services.renewed(principal) == principal
        ApiKey.objects.update(revoked_at="2026-01-01T00:00Z")
        assert services.renewed(principal) is None


@pytest.mark.parametrize("verb", ["remove", "demote"])
def test_two_owners_cannot_get_rid_of_each_other(committed_db: None, verb: str) -> None:
    people = factories.make_people()
    change(people, people.ed, Role.OWNER)
    start = threading.Barrier(2)
    refused: list[int] = []

    def act(user: User) -> None:
        member = membership(people, user)
        start.wait(30)
        try:
            with scope.tenant(people.acme.id):
                if verb == "remove":
                    services.remove_member(member=member, by=Role.OWNER)
                else:
                    services.change_role(member=member, role=Role.VIEWER, by=Role.OWNER)
        except Problem as problem:
            refused.append(problem.status)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(user,)) for user in (people.alice, people.ed)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused == [409]
    assert [role_of(people, user) for user in (people.alice, people.ed)].count(Role.OWNER) == 1
