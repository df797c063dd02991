"""People, members and staff in the admin: who may change what about whom."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from tenants import scope, services
from tenants.models import Membership, User
from tests.callers import PASSWORD, Caller, owner_of
from tests.tenants import authenticator


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


def test_a_person_is_made_with_a_password(staff: Client) -> None:
    given = {"email": "new@acme.example", "password1": PASSWORD, "password2": PASSWORD}
    staff.post("/admin/tenants/user/add/", {**given, "usable_password": "true"})

    assert Client().login(username="new@acme.example", password=PASSWORD)


# --- Staff with few rights ---------------------------------------------------------------------


@pytest.fixture
def clerk(db: None) -> Client:
    """Staff who may do anything to users, and nothing else."""
    user = User.objects.create_user("clerk@stepwell.example", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client = Client()
    client.force_login(user)
    return client


def change(user: User) -> str:
    return f"/admin/tenants/user/{user.pk}/change/"


def test_a_clerk_changes_people_but_not_what_they_may(clerk: Client) -> None:
    group = Group.objects.create(name="all powers")
    person = User.objects.create_user("person@acme.example", PASSWORD)
    given = {"email": "renamed@acme.example", "name": "", "is_active": "on"}
    powers = {"is_staff": "on", "is_superuser": "on", "groups": [str(group.pk)]}

    assert clerk.post(change(person), {**given, **powers}).status_code == 302

    person.refresh_from_db()
    assert person.email == "renamed@acme.example"
    assert (person.is_staff, person.is_superuser) == (False, False)
    assert not person.groups.exists()


def test_a_clerk_cannot_become_one_of_the_staff(clerk: Client, staff: Client) -> None:
    for email in ("staff@stepwell.example", "clerk@stepwell.example"):
        user = User.objects.get(email=email)
        assert clerk.post(change(user), {"email": "mine@x.example"}).status_code == 403
        assert clerk.post(f"/admin/tenants/user/{user.pk}/password/").status_code == 403
        assert clerk.post(f"/admin/tenants/user/{user.pk}/delete/").status_code == 403


def test_a_superuser_says_who_is_staff(staff: Client) -> None:
    person = User.objects.create_user("person@acme.example", PASSWORD)
    given = {"email": person.email, "name": "", "is_active": "on", "is_staff": "on"}

    assert staff.post(change(person), given).status_code == 302

    person.refresh_from_db()
    assert person.is_staff


def test_a_clerk_who_may_change_groups_cannot_widen_one(db: None) -> None:
    user = User.objects.create_user("clerk@stepwell.example", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="group"))
    group = Group.objects.create(name="clerks")
    user.groups.add(group)
    client = Client()
    client.force_login(user)
    given = {"name": "clerks", "permissions": [str(Permission.objects.all()[0].pk)]}

    assert client.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200
    for path in (f"{group.pk}/change/", f"{group.pk}/delete/", "add/"):
        assert client.post(f"/admin/auth/group/{path}", given).status_code == 403
    assert not group.permissions.exists()


def test_a_superuser_says_what_groups_may_do(staff: Client) -> None:
    group = Group.objects.create(name="clerks")
    given = {"name": "clerks", "permissions": [str(Permission.objects.all()[0].pk)]}

    assert staff.post(f"/admin/auth/group/{group.pk}/change/", given).status_code == 302
    assert group.permissions.count() == 1


# --- People ------------------------------------------------------------------------------------


def test_people_are_closed_and_not_deleted(staff: Client) -> None:
    person = User.objects.create_user("person@acme.example", PASSWORD)
    theirs = Client()
    theirs.post("/login/", {"login": person.email, "password": PASSWORD})

    assert staff.post(f"/admin/tenants/user/{person.pk}/delete/").status_code == 403
    staff.post(change(person), {"email": person.email, "name": ""})

    person.refresh_from_db()
    assert not person.is_active
    assert theirs.get("/account/").status_code == 302


def test_a_new_address_is_the_only_one_and_unverified(staff: Client) -> None:
    person = User.objects.create_user("person@acme.example", PASSWORD)
    services.set_address(person, verified=True)

    staff.post(change(person), {"email": "New@acme.example", "name": "", "is_active": "on"})

    person.refresh_from_db()
    assert person.email == "new@acme.example"
    assert not services.is_verified(person)
    assert not Client().login(username="person@acme.example", password=PASSWORD)
    assert Client().login(username="new@acme.example", password=PASSWORD)


def membership_of(acme: Caller) -> Membership:
    with scope.operator("acme's owner"):
        return Membership.objects.get(tenant_id=acme.tenant_id)


def test_the_last_owner_stays_one_for_the_staff_too(staff: Client, acme: Caller) -> None:
    owner = membership_of(acme)
    path = f"/admin/tenants/membership/{owner.pk}"

    demoted = staff.post(f"{path}/change/", {"role": "viewer"}, follow=True)
    deleted = staff.post(f"{path}/delete/", {"post": "yes"}, follow=True)

    for answer in (demoted, deleted):
        assert b"last owner" in answer.content
        assert b"successfully" not in answer.content
    assert membership_of(acme).role == "owner"


def test_staff_add_an_owner_and_remove_the_old_one(staff: Client, acme: Caller) -> None:
    owner = membership_of(acme)
    person = User.objects.create_user("person@acme.example", PASSWORD)
    given = {"tenant": str(acme.tenant_id), "user": str(person.pk), "role": "owner"}

    assert staff.post("/admin/tenants/membership/add/", given).status_code == 302
    staff.post(f"/admin/tenants/membership/{owner.pk}/delete/", {"post": "yes"})

    assert membership_of(acme).user_id == person.pk


def test_staff_withdraw_an_invitation(staff: Client, acme: Caller) -> None:
    acme.post("invitations/", {"email": "new@acme.example", "role": "viewer"})
    [made] = acme.get("invitations/").json()["results"]
    path = f"/admin/tenants/invitation/{made['id']}"

    assert staff.get(f"{path}/change/").status_code == 200
    assert staff.get(f"{path}/revoke/").status_code == 200
    staff.post(f"{path}/revoke/")

    assert acme.get("invitations/").json()["results"] == []


def test_a_superuser_helps_whoever_has_lost_their_factors(staff: Client, clerk: Client) -> None:
    person = User.objects.create_user("person@acme.example", PASSWORD)
    services.set_address(person, verified=True)
    theirs = Client()
    theirs.post("/login/", {"login": person.email, "password": PASSWORD})
    authenticator.set_up(theirs)
    path = f"/admin/tenants/user/{person.pk}/forget-second-factors/"

    assert clerk.post(path).status_code == 403
    assert services.has_second_factor(person)
    assert staff.get(path).status_code == 200
    staff.post(path)

    assert not services.has_second_factor(person)
    assert theirs.get("/account/").status_code == 302


def test_an_address_is_taken_however_it_is_written(staff: Client) -> None:
    given = {"email": "Staff@Stepwell.example", "name": "", "usable_password": "true"}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    answer = staff.post("/admin/tenants/user/add/", {**given, **passwords})
    assert answer.status_code == 200
    assert "already exists" in answer.content.decode()
