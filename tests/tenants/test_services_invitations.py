"""Asking people to join, and their joining."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tenants import scope, services
from tenants.models import Invitation, User
from tenants.problems import Problem
from tenants.roles import Role
from tests import factories
from tests.factories import People
from tests.tenants import letters

NEW = "nora@acme.example"

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def people() -> People:
    return factories.make_people()


def invite(people: People, email: str = NEW, role: Role = Role.EDITOR) -> str:
    """Invite, and return the token that was mailed."""
    factories.make_invitation(people.acme, people.alice, email, role)
    return letters.link(letters.to(email.lower())[-1]).split("/")[2]


def refused(status: int, code: str, problem: Problem) -> bool:
    return (problem.status, problem.code) == (status, code)


def test_the_mail_says_who_asks_and_leads_to_joining(people: People) -> None:
    token = invite(people)
    [letter] = letters.to(NEW)
    assert letter.subject == "alice@acme.example invites you to Acme"
    assert "become editor of Acme" in letter.body
    found = services.find_invitation(token)
    assert found is not None
    assert (found.email, found.role, found.tenant) == (NEW, "editor", people.acme)


def test_the_token_is_not_kept(people: People) -> None:
    token = invite(people)
    with connection.cursor() as cursor, scope.operator("all of its row"):
        cursor.execute("SELECT i::text FROM tenants_invitation i")
        [(row,)] = cursor.fetchall()
    assert NEW in row
    assert token not in row


def test_a_name_with_lines_stays_in_its_line(people: People) -> None:
    with scope.operator("an odd name"):
        people.acme.name = "Acme\nBcc: all@x.example & Co"
        people.acme.save()
    invite(people)
    [letter] = letters.to(NEW)
    assert letter.subject == "alice@acme.example invites you to Acme Bcc: all@x.example & Co"


def test_somebody_new_joins_with_a_password_and_a_verified_address(people: People) -> None:
    user = services.accept_as_new(token=invite(people), password=factories.PASSWORD)
    assert factories.principal_of(user, people.acme).role == Role.EDITOR
    assert user.check_password(factories.PASSWORD)
    assert services.is_verified(user)


def test_somebody_with_an_account_joins(people: People) -> None:
    token = invite(people, "Mallory@globex.example", Role.VIEWER)
    services.accept(token=token, user=people.mallory)
    assert [tenant.slug for tenant in services.tenants_of(people.mallory)] == ["acme", "globex"]


def test_an_invitation_is_good_once(people: People) -> None:
    token = invite(people)
    services.accept_as_new(token=token, password=factories.PASSWORD)
    other = User.objects.get(email=NEW)
    with pytest.raises(Problem) as error:
        services.accept(token=token, user=other)
    assert refused(404, "not-found", error.value)


def test_an_invitation_is_for_its_address_only(people: People) -> None:
    token = invite(people)
    with pytest.raises(Problem) as error:
        services.accept(token=token, user=people.mallory)
    assert refused(403, "forbidden", error.value)
    assert services.find_member(people.mallory, "acme") is None
    assert services.find_invitation(token) is not None


@pytest.mark.parametrize("column", ["expires_at", "revoked_at", "accepted_at"])
def test_an_old_or_withdrawn_invitation_is_no_good(people: People, column: str) -> None:
    token = invite(people)
    with scope.operator("time passes"):
        Invitation.objects.update(**{column: timezone.now() - timedelta(seconds=1)})
    assert services.find_invitation(token) is None
    with scope.tenant(people.acme.id):
        assert not services.invitations_of(people.acme.id).exists()
    with pytest.raises(Problem) as error:
        services.accept_as_new(token=token, password=factories.PASSWORD)
    assert refused(404, "not-found", error.value)
    assert not User.objects.filter(email=NEW).exists()


def test_inviting_again_replaces_link_and_role(people: People) -> None:
    first, second = invite(people), invite(people, role=Role.VIEWER)
    assert services.find_invitation(first) is None
    found = services.find_invitation(second)
    assert found is not None
    assert found.role == "viewer"
    with scope.tenant(people.acme.id):
        assert Invitation.objects.count() == 1


def test_an_invitation_is_good_for_a_week(people: People) -> None:
    made = factories.make_invitation(people.acme, people.alice, NEW)
    left = made.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize("who", ["ed", "otto", "vera"])
def test_only_owners_invite(people: People, who: str) -> None:
    with pytest.raises(Problem) as error:
        factories.make_invitation(people.acme, getattr(people, who), NEW, Role.VIEWER)
    assert refused(403, "forbidden", error.value)
    assert letters.delivered() == []


def test_a_member_is_not_invited_again(people: People) -> None:
    with pytest.raises(Problem) as error:
        invite(people, "Vera@acme.example")
    assert refused(409, "member", error.value)


def test_who_became_a_member_otherwise_keeps_the_role(people: People) -> None:
    token = invite(people, "mallory@globex.example", Role.VIEWER)
    with scope.tenant(people.acme.id):
        people.mallory.memberships.create(tenant=people.acme, role=Role.OPERATOR)
    services.accept(token=token, user=people.mallory)
    assert factories.principal_of(people.mallory, people.acme).role == Role.OPERATOR


def test_an_owner_must_have_a_verified_address(people: People) -> None:
    made = services.register(tenant="New", email="new@x.example", password=factories.PASSWORD)
    with pytest.raises(Problem) as error:
        factories.make_invitation(made.tenant, made.user, NEW)
    assert refused(403, "unverified", error.value)
    services.set_address(made.user, verified=True)
    factories.make_invitation(made.tenant, made.user, NEW)


def test_so_many_may_be_open_and_no_more(people: People, settings: Any) -> None:
    settings.MAX_INVITATIONS = 2
    invite(people, "a@x.example")
    invite(people, "b@x.example")
    with pytest.raises(Problem) as error:
        invite(people, "c@x.example")
    assert refused(409, "too-many", error.value)
    invite(people, "b@x.example")  # takes no further place


def test_an_account_that_came_in_between_is_asked_to_log_in(people: People) -> None:
    token = invite(people)
    User.objects.create_user(NEW, factories.PASSWORD)
    with pytest.raises(Problem) as error:
        services.accept_as_new(token=token, password=factories.PASSWORD)
    assert refused(409, "taken", error.value)
    assert services.find_invitation(token) is not None
