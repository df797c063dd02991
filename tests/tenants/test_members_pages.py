"""The pages of a tenant's members."""

from __future__ import annotations

import pytest
from django.test import Client

from config.callers import enter
from tenants import scope, services
from tenants.models import Invitation, Membership, User
from tenants.roles import Role
from tests import factories
from tests.factories import People
from tests.tenants import letters

pytestmark = pytest.mark.usefixtures("committed_db")

MEMBERS = "/t/acme/members/"
NEW = "nora@acme.example"


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def owner(people: People) -> Client:
    client = Client()
    enter(client, people.alice)
    return client


def page_of(people: People, user: User, verb: str = "") -> str:
    with scope.tenant(people.acme.id):
        return f"{MEMBERS}{Membership.objects.get(user=user).id}/{verb}"


def test_an_owner_sees_everybody_and_may_invite(owner: Client) -> None:
    text = owner.get(MEMBERS).content.decode()
    for name in ("alice", "ed", "otto", "vera"):
        assert f"{name}@acme.example" in text
    assert "Send the invitation" in text
    assert "mallory" not in text


@pytest.mark.parametrize("who", ["ed", "otto", "vera"])
def test_others_see_and_change_nothing(people: People, client: Client, who: str) -> None:
    enter(client, getattr(people, who))
    text = client.get(MEMBERS).content.decode()
    assert "alice@acme.example" in text
    assert "Send the invitation" not in text
    assert "/remove/" not in text
    invitation = factories.make_invitation(people.acme, people.alice, NEW)
    for path in (
        MEMBERS,
        page_of(people, people.alice),
        page_of(people, people.alice, "remove/"),
        f"/t/acme/invitations/{invitation.id}/revoke/",
    ):
        assert client.post(path, {"email": "x@x.example", "role": "owner"}).status_code == 403
    assert factories.principal_of(people.alice, people.acme).role == Role.OWNER


def test_inviting_and_withdrawing(people: People, owner: Client) -> None:
    assert owner.post(MEMBERS, {"email": NEW, "role": "operator"}).status_code == 302
    assert len(letters.to(NEW)) == 1
    text = owner.get(MEMBERS).content.decode()
    assert "is on its way" in text
    assert NEW in text
    with scope.tenant(people.acme.id):
        invitation = Invitation.objects.get()
    path = f"/t/acme/invitations/{invitation.id}/revoke/"
    assert NEW in owner.get(path).content.decode()
    owner.post(path)
    assert owner.get(path).status_code == 404
    with scope.tenant(people.acme.id):
        assert not services.invitations_of(people.acme.id).exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"email": "vera@acme.example", "role": "viewer"}, "is a member already"),
        ({"email": "nobody", "role": "viewer"}, "valid email address"),
        ({"email": NEW, "role": "emperor"}, "Select a valid choice"),
    ],
)
def test_a_wrong_invitation_is_explained(owner: Client, given: dict[str, str], said: str) -> None:
    answer = owner.post(MEMBERS, given)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_role_is_changed(people: People, owner: Client) -> None:
    assert owner.post(page_of(people, people.vera), {"role": "editor"}).status_code == 302
    assert factories.principal_of(people.vera, people.acme).role == Role.EDITOR


def test_the_last_owner_stays(people: People, owner: Client) -> None:
    demoted = owner.post(page_of(people, people.alice), {"role": "viewer"})
    left = owner.post("/t/acme/leave/")
    for answer, status in ((demoted, 422), (left, 409)):
        assert answer.status_code == status
        assert "last owner" in answer.content.decode()


def test_who_is_removed_sees_nothing_any_more(people: People, owner: Client) -> None:
    theirs = Client()
    enter(theirs, people.vera)
    assert theirs.get("/t/acme/workflows/").status_code == 200
    path = page_of(people, people.vera, "remove/")
    assert "vera@acme.example" in owner.get(path).content.decode()
    assert owner.post(path)["Location"] == MEMBERS
    assert theirs.get("/t/acme/workflows/").status_code == 404


def test_anybody_may_leave(people: People, client: Client) -> None:
    enter(client, people.vera)
    assert "Leave acme?" in client.get("/t/acme/leave/").content.decode()
    assert client.post("/t/acme/leave/")["Location"] == "/"
    assert services.find_member(people.vera, "acme") is None


def test_the_header_switches_between_several_tenants(people: People, client: Client) -> None:
    enter(client, people.alice)
    assert "switcher" not in client.get("/t/acme/workflows/").content.decode()
    with scope.tenant(people.globex.id):
        Membership.objects.create(tenant=people.globex, user=people.alice, role=Role.VIEWER)
    for slug, role in (("acme", "owner"), ("globex", "viewer")):
        text = client.get(f"/t/{slug}/workflows/").content.decode()
        assert 'class="switcher"' in text
        assert f'{slug} <span class="soft">{role}</span>' in text
        assert 'href="/t/acme/"' in text
        assert 'href="/t/globex/"' in text
