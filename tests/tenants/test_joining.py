"""The pages on which one comes to belong to a tenant."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants import services
from tenants.models import User
from tests import factories
from tests.factories import PASSWORD, People
from tests.tenants import letters

pytestmark = pytest.mark.usefixtures("committed_db")

NEW = "nora@acme.example"
GIVEN = {"tenant": "Initech", "email": "Peter@initech.example", "password": PASSWORD}


@pytest.fixture
def people() -> People:
    return factories.make_people()


def invited(people: People, email: str = NEW) -> str:
    factories.make_invitation(people.acme, people.alice, email)
    return letters.link(letters.to(email)[-1])


# --- Registering -------------------------------------------------------------------------------


def test_who_registers_owns_a_tenant_and_is_in(client: Client) -> None:
    answer = client.post("/register/", GIVEN)
    assert (answer.status_code, answer["Location"]) == (302, "/t/initech/")
    text = client.get("/t/initech/workflows/").content.decode()
    assert "owner" in text


def test_the_address_is_verified_by_the_link_in_the_mail(client: Client) -> None:
    client.post("/register/", GIVEN)
    user = User.objects.get(email="peter@initech.example")
    assert not services.is_verified(user)
    [letter] = letters.to("peter@initech.example")
    link = letters.link(letter)
    assert b"peter@initech.example" in client.get(link).content
    assert not services.is_verified(user)  # whoever only looks at links changes nothing
    client.post(link)
    assert services.is_verified(user)
    assert b"no good any more" in client.get(link).content


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tenant": "acme"}, "is taken"),
        ({"email": "alice@acme.example"}, "registered already"),
        ({"email": "nobody"}, "valid email address"),
        ({"password": "short"}, "too short"),
        ({"password": "peter@initech.example"}, "too similar"),
        ({"tenant": "☃"}, "needs letters"),
    ],
)
def test_what_is_wrong_is_said(
    people: People, client: Client, wrong: dict[str, str], said: str
) -> None:
    answer = client.post("/register/", {**GIVEN, **wrong})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not User.objects.filter(email="peter@initech.example").exists()


def test_registration_can_be_closed(client: Client, settings: Any) -> None:
    settings.REGISTRATION_OPEN = False
    for answer in (client.get("/register/"), client.post("/register/", GIVEN)):
        assert answer.status_code == 403
        assert "Registration is closed" in answer.content.decode()
    refused = client.post("/api/v1/register/", GIVEN, content_type="application/json")
    assert (refused.status_code, refused.json()["type"]) == (
        403,
        "urn:stepwell:problem:registration-closed",
    )
    assert not User.objects.exists()


def test_whoever_is_logged_in_registers_nothing(people: People, client: Client) -> None:
    client.force_login(people.vera)
    assert client.post("/register/", GIVEN)["Location"] == "/"
    assert not User.objects.filter(email="peter@initech.example").exists()


# --- Invitations -------------------------------------------------------------------------------


def test_somebody_new_chooses_a_password_and_is_in(people: People, client: Client) -> None:
    link = invited(people)
    assert "Choose a password" in client.get(link).content.decode()
    answer = client.post(link, {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/t/acme/")
    assert client.get("/t/acme/workflows/").status_code == 200
    assert len(letters.to(NEW)) == 1  # the address needs no verifying: the mail was read


def test_a_poor_password_is_refused(people: People, client: Client) -> None:
    link = invited(people)
    for poor in ("short", "nora@acme.example"):
        assert client.post(link, {"password": poor}).status_code == 422
    assert not User.objects.filter(email=NEW).exists()


def test_who_has_an_account_logs_in_first_and_joins(people: People, client: Client) -> None:
    link = invited(people, "mallory@globex.example")
    assert f"/login/?next={link}" in client.get(link).content.decode()
    given = {"login": "mallory@globex.example", "password": PASSWORD, "next": link}
    assert client.post("/login/", given)["Location"] == link
    assert client.post(link)["Location"] == "/t/acme/"
    assert services.find_member(people.mallory, "acme") is not None


def test_who_has_an_account_gets_none_by_the_link(people: People, client: Client) -> None:
    link = invited(people, "mallory@globex.example")
    client.post(link, {"password": "another long password"})
    people.mallory.refresh_from_db()
    assert people.mallory.check_password(PASSWORD)
    assert services.find_member(people.mallory, "acme") is None


def test_somebody_else_cannot_use_it(people: People, client: Client) -> None:
    link = invited(people)
    client.force_login(people.mallory)
    assert "You are logged in as mallory" in client.get(link).content.decode()
    assert client.post(link).status_code == 403
    assert services.find_member(people.mallory, "acme") is None


def test_a_used_link_says_so(people: People, client: Client) -> None:
    link = invited(people)
    client.post(link, {"password": PASSWORD})
    for somebody in (client, Client()):
        answer = somebody.get(link)
        assert answer.status_code == 404
        assert "no good any more" in answer.content.decode()
