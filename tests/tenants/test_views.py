"""Coming in and going out."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tenants.models import Membership
from tenants.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


def log_in(client: Client, email: str, password: str = factories.PASSWORD, **more: str) -> Any:
    return client.post("/login/", {"login": email, "password": password, **more})


def test_whoever_has_one_tenant_lands_on_its_workflows(
    people: factories.People, client: Client
) -> None:
    response = log_in(client, "Alice@acme.example")  # however it is typed
    assert response.status_code == 302
    response = client.get(response.headers["Location"])
    assert response.headers["Location"] == "/t/acme/workflows/"
    assert client.get("/t/acme/").headers["Location"] == "/t/acme/workflows/"


def test_whoever_has_several_tenants_chooses(people: factories.People, client: Client) -> None:
    with scope.tenant(people.globex.id):
        Membership.objects.create(tenant=people.globex, user=people.alice, role=Role.VIEWER)
    client.force_login(people.alice)
    text = client.get("/").content.decode()
    assert 'href="/t/acme/workflows/"' in text
    assert 'href="/t/globex/workflows/"' in text


def test_whoever_has_no_tenant_is_told_what_to_do(people: factories.People, client: Client) -> None:
    client.force_login(people.staff)
    text = client.get("/").content.decode()
    assert "Ask an owner to invite" in text
    assert "staff@stepwell.example" in text


@pytest.mark.parametrize(
    ("email", "password"),
    [("alice@acme.example", "wrong"), ("nobody@acme.example", factories.PASSWORD)],
)
def test_a_wrong_login_does_not_tell_who_exists(
    people: factories.People, client: Client, email: str, password: str
) -> None:
    response = log_in(client, email, password)
    assert response.status_code == 200
    assert "do not belong together" in response.content.decode()


def test_a_login_goes_on_to_where_one_wanted(people: factories.People, client: Client) -> None:
    wanted = "/t/acme/executions/"
    assert log_in(client, "vera@acme.example", next=wanted).headers["Location"] == wanted


def test_a_login_does_not_lead_to_another_site(people: factories.People, client: Client) -> None:
    response = log_in(client, "vera@acme.example", next="https://evil.example/")
    assert response.headers["Location"] == "/"


def test_logging_out_takes_a_post(people: factories.People, client: Client) -> None:
    client.force_login(people.vera)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").headers["Location"] == "/login/?next=/"


def test_a_form_without_its_token_is_refused_in_words(people: factories.People) -> None:
    client = Client(enforce_csrf_checks=True)
    response = log_in(client, "vera@acme.example")
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


def test_what_is_not_there_is_a_page_of_ours(client: Client) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "Nothing here" in response.content.decode()


def test_a_fault_of_ours_shows_nothing_of_our_insides(
    people: factories.People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr("tenants.services.memberships_of", fail)
    client.force_login(people.vera)
    client.raise_request_exception = False
    response = client.get("/")
    text = response.content.decode()
    assert response.status_code == 500
    assert "Something failed on our side" in text
    assert "1234" not in text
    assert "RuntimeError" not in text
