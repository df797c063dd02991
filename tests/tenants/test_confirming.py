"""What matters takes a log-in or a confirmation of late; what one had in mind is come back to."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import scope
from tenants.models import ApiKey, Invitation, Membership, Secret
from tests.site import TENANTS_PAGES, Site, make_site, session
from tests.tenants import authenticator
from tests.tenants.browsers import age, asks, log_in, say_again
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

TENANT = "t/<slug:tenant_slug>/"
# Pages that are shown only to who said lately that it is they, and those whose form only is theirs.
SHOWN = {
    "members/<uuid:member_id>/",
    "members/<uuid:member_id>/remove/",
    "settings/egress/",
    "settings/secrets/",
    "settings/secrets/<slug:name>/",
    "settings/secrets/<slug:name>/delete/",
    "endpoints/new/",
    "endpoints/<uuid:endpoint_id>/rotate/",
}
SENT = {"members/", "api-keys/"}


@pytest.fixture
def site() -> Site:
    return make_site()


def everything(site: Site) -> list[Any]:
    with scope.tenant(site.people.acme.id):
        kinds = (Membership, Invitation, ApiKey, Secret, Endpoint)
        return [sorted(kind._default_manager.values_list(), key=str) for kind in kinds]


def test_these_pages_and_no_others_ask_who_said_it_long_ago(site: Site) -> None:
    client, before = age(session(site.people.alice)), everything(site)
    shown, sent = set(), set()
    for route in TENANTS_PAGES:
        name, path = route.pattern.removeprefix(TENANT), site.path(route)
        if asks(client.get(path)):
            shown.add(name)
        if name in SHOWN | SENT and asks(client.post(path, {"role": "viewer", "value": "x" * 9})):
            sent.add(name)
    assert (shown, sent) == (SHOWN, SHOWN | SENT)
    assert everything(site) == before


def test_whoever_logged_in_just_now_is_not_asked(site: Site) -> None:
    client = log_in(site.people.alice.email)
    for route in TENANTS_PAGES:
        assert not asks(client.get(site.path(route)))


def test_one_comes_back_to_where_one_was_and_is_not_asked_again(site: Site) -> None:
    client = age(log_in(site.people.alice.email))
    asked = client.get("/t/acme/settings/secrets/?x=1")
    assert say_again(client, asked["Location"])["Location"] == "/t/acme/settings/secrets/?x=1"
    assert client.get("/t/acme/settings/secrets/").status_code == 200
    assert client.get("/t/acme/settings/egress/").status_code == 200
    assert asks(age(client, 301).get("/t/acme/settings/egress/"))


def test_a_wrong_password_opens_nothing(site: Site) -> None:
    client = age(session(site.people.alice))
    wrong = client.post("/account/again/", {"password": "nonsense", "next": "/t/acme/api-keys/"})
    assert "This is not your password" in wrong.content.decode()
    assert asks(client.get("/t/acme/settings/secrets/"))


def test_a_code_of_ones_app_says_it_too(site: Site) -> None:
    client = log_in(site.people.alice.email)
    secret = authenticator.set_up(client)
    path = "/t/acme/settings/egress/"
    answer = age(client).get(path)
    assert asks(answer)
    given = {"code": authenticator.code(secret, 1), "next": path}
    assert client.post("/account/again/code/", given)["Location"] == path
    assert client.get(path).status_code == 200


def test_a_form_that_came_too_late_is_told_of_where_it_stands(site: Site) -> None:
    client = age(session(site.people.alice))
    path = "/t/acme/settings/egress/"
    answer = client.post(path, {"hosts": "evil.example"})
    assert say_again(client, answer["Location"])["Location"] == path
    assert "Your form was not sent" in client.get(path).content.decode()
    assert "Your form was not sent" not in client.get(path).content.decode()
    assert "evil.example" not in client.get("/t/acme/settings/").content.decode()


def test_no_secret_is_kept_of_a_form_that_came_too_late(site: Site) -> None:
    client = age(session(site.people.alice))
    client.post("/t/acme/settings/secrets/", {"name": "new", "value": "open sesame now"})
    assert "sesame" not in str(dict(client.session))


@pytest.mark.parametrize(
    ("path", "form", "button"),
    [
        ("/t/acme/api-keys/", {"name": "ci", "role": "viewer"}, "Make the key"),
        ("/t/acme/members/", {"email": "n@x.example", "role": "viewer"}, "Send the invitation"),
    ],
)
def test_a_list_is_seen_and_its_form_after_saying_so(
    site: Site, path: str, form: dict[str, str], button: str
) -> None:
    client = age(session(site.people.alice))
    page = client.get(path).content.decode()
    assert button not in page
    assert "Confirm that it is you" in page
    assert say_again(client, f"/account/again/?next={path}")["Location"] == path
    assert button in client.get(path).content.decode()
    assert not asks(client.post(path, form))


def test_who_may_not_is_not_asked_first(site: Site) -> None:
    client = age(session(site.people.vera))
    assert client.get("/t/acme/settings/egress/").status_code == 403
    assert "Confirm that" not in client.get("/t/acme/members/").content.decode()


def test_who_has_no_way_to_say_it_is_refused(site: Site) -> None:
    site.people.alice.set_unusable_password()
    site.people.alice.save()
    client = age(session(site.people.alice))
    assert client.get("/t/acme/settings/egress/").status_code == 403
