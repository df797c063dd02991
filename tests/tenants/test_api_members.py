"""Members and invitations over the API."""

from __future__ import annotations

import uuid

import pytest

from tenants.roles import Role
from tests import factories
from tests.callers import Caller
from tests.factories import People
from tests.tenants import letters

pytestmark = pytest.mark.usefixtures("committed_db")

NEW = "nora@acme.example"


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def owner(people: People) -> Caller:
    return Caller(factories.make_key(people.acme), people.acme.id)


def member_id(owner: Caller, email: str) -> str:
    rows = owner.get("members/").json()["results"]
    return next(str(row["id"]) for row in rows if row["email"] == email)


def test_members_are_listed_and_got(owner: Caller) -> None:
    rows = owner.get("members/").json()["results"]
    assert sorted((row["email"], row["role"]) for row in rows) == [
        ("alice@acme.example", "owner"),
        ("ed@acme.example", "editor"),
        ("otto@acme.example", "operator"),
        ("vera@acme.example", "viewer"),
    ]
    assert owner.get(f"members/{rows[0]['id']}/").json() == rows[0]
    assert sorted(rows[0]) == ["email", "id", "joined_at", "name", "role"]


def test_a_role_is_changed(owner: Caller) -> None:
    path = f"members/{member_id(owner, 'vera@acme.example')}/"
    answer = owner.patch(path, {"role": "operator"})
    assert (answer.status_code, answer.json()["role"]) == (200, "operator")
    assert owner.get(path).json()["role"] == "operator"


@pytest.mark.parametrize(
    "body", [{}, {"role": "emperor"}, {"role": None}, {"role": "viewer", "email": "x@x.example"}]
)
def test_a_wrong_change_is_refused(owner: Caller, body: dict[str, object]) -> None:
    path = f"members/{member_id(owner, 'vera@acme.example')}/"
    answer = owner.patch(path, body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_member_is_removed(owner: Caller) -> None:
    path = f"members/{member_id(owner, 'vera@acme.example')}/"
    assert owner.delete(path).status_code == 204
    assert owner.delete(path).status_code == 404


def test_the_last_owner_stays(owner: Caller) -> None:
    path = f"members/{member_id(owner, 'alice@acme.example')}/"
    for answer in (owner.delete(path), owner.patch(path, {"role": "editor"})):
        assert (answer.status_code, answer.json()["type"]) == (
            409,
            "urn:stepwell:problem:last-owner",
        )


@pytest.mark.parametrize("role", [Role.EDITOR, Role.OPERATOR, Role.VIEWER])
def test_lower_roles_see_members_and_no_invitations(owner: Caller, role: Role) -> None:
    lower = owner.with_role(role)
    assert lower.get("members/").status_code == 200
    for answer in (
        lower.get("invitations/"),
        lower.post("invitations/", {"email": NEW, "role": "viewer"}),
        lower.patch(f"members/{member_id(owner, 'vera@acme.example')}/", {"role": "owner"}),
    ):
        assert answer.status_code == 403


def test_an_invitation_is_mailed_listed_and_withdrawn(owner: Caller) -> None:
    answer = owner.post("invitations/", {"email": "Nora@acme.example", "role": "editor"})
    made = answer.json()
    assert (answer.status_code, made["email"], made["role"], made["invited_by"]) == (
        201,
        NEW,
        "editor",
        None,
    )
    [letter] = letters.to(NEW)
    token = letters.link(letter).split("/")[2]
    assert token not in answer.content.decode()
    assert owner.get("invitations/").json()["results"] == [made]
    assert owner.get(f"invitations/{made['id']}/").json() == made
    assert owner.delete(f"invitations/{made['id']}/").status_code == 204
    assert owner.get("invitations/").json()["results"] == []
    assert owner.delete(f"invitations/{made['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "nobody", "role": "viewer"}, 422),
        ({"email": NEW}, 422),
        ({"email": NEW, "role": "emperor"}, 422),
        ({"email": "vera@acme.example", "role": "viewer"}, 409),
    ],
)
def test_a_wrong_invitation_is_refused(owner: Caller, body: dict[str, object], status: int) -> None:
    assert owner.post("invitations/", body).status_code == status
    assert letters.delivered() == []


def test_another_tenants_rows_are_not_found(owner: Caller, people: People) -> None:
    stranger = Caller(factories.make_key(people.globex), people.globex.id)
    made = owner.post("invitations/", {"email": NEW, "role": "editor"}).json()["id"]
    for path in (f"members/{member_id(owner, 'vera@acme.example')}/", f"invitations/{made}/"):
        assert stranger.get(path).status_code == 404
        assert stranger.delete(path).status_code == 404
    assert owner.get(f"members/{uuid.uuid4()}/").status_code == 404
