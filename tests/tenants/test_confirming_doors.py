"""By which doors one comes in, and whether that says who one is: to our pages and to allauth's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.test import Client

from tenants import services
from tenants.models import User
from tenants.roles import Role
from tests import factories
from tests.factories import PASSWORD, People
from tests.site import PAGES
from tests.tenants import authenticator, letters
from tests.tenants.browsers import age, asks, is_in, log_in, say_again

pytestmark = pytest.mark.usefixtures("committed_db")

OURS, ALLAUTHS = "/t/acme/settings/egress/", "/account/passkeys/"
FACTORS = [
    "/account/app/",
    "/account/app/remove/",
    "/account/passkeys/",
    "/account/passkeys/1/remove/",
    "/account/codes/",
    "/account/codes/new/",
]
NEW = "nora@acme.example"
Door = Callable[[People], Client]


@pytest.fixture
def people() -> People:
    return factories.make_people()


def by_password(people: People) -> Client:
    browser: Client = log_in(people.alice.email)
    return browser


def by_password_and_code(people: People) -> Client:
    secret = authenticator.set_up(log_in(people.alice.email))
    browser: Client = log_in(people.alice.email)
    browser.post("/login/confirm/", {"code": authenticator.code(secret, 1)})
    return browser


def by_password_alone_of_two(people: People) -> Client:
    authenticator.set_up(log_in(people.alice.email))
    browser: Client = log_in(people.alice.email)
    return browser


def by_registration(people: People) -> Client:
    browser = Client()
    given = {"tenant": "Initech", "email": "peter@initech.example", "password": PASSWORD}
    browser.post("/register/", given)
    browser.post(letters.link(letters.to("peter@initech.example")[-1]))
    return browser


def by_invitation(people: People) -> Client:
    factories.make_invitation(people.acme, people.alice, NEW, Role.OWNER)
    browser = Client()
    browser.post(letters.link(letters.to(NEW)[-1]), {"password": PASSWORD})
    return browser


def by_invitation_of_who_was_in(people: People) -> Client:
    browser = age(log_in(people.mallory.email))
    factories.make_invitation(people.acme, people.alice, people.mallory.email, Role.OWNER)
    browser.post(letters.link(letters.to(people.mallory.email)[-1]))
    return browser


def by_a_reset(people: People) -> Client:
    browser = Client()
    browser.post("/password/", {"email": people.alice.email})
    link = letters.link(letters.to(people.alice.email)[-1])
    to_the_form = browser.get(link)["Location"]
    browser.post(to_the_form, {"password1": PASSWORD + "!", "password2": PASSWORD + "!"})
    return browser


def by_verifying_the_address(people: People) -> Client:
    services.register(tenant="New", email="new@x.example", password=PASSWORD)
    log_in("new@x.example").post("/account/verify/")
    browser = Client()
    browser.post(letters.link(letters.to("new@x.example")[-1]))
    return browser


def showing(method: str) -> Door:
    """What a door of django-allauth does that notes this method; that we have not all of them."""

    def door(people: People) -> Client:
        return came(people.alice, method)

    return door


def came(user: User, method: str) -> Client:
    browser = Client()
    browser.force_login(user)
    request = HttpRequest()
    request.session = browser.session
    record_authentication(request, user, method=method)
    request.session.save()
    return browser


def by_a_bare_login(people: People) -> Client:
    browser = Client()
    browser.force_login(people.alice)
    return browser


@pytest.mark.parametrize(
    ("door", "is_believed"),
    [
        (by_password, True),
        (by_password_and_code, True),
        (showing("mfa"), True),  # a passkey by itself; tests/acceptance does it with a real one
        (by_registration, True),  # the password was chosen with that very form
        (by_invitation, True),  # likewise
        (by_invitation_of_who_was_in, False),
        (showing("socialaccount"), False),  # another site's word is not good for saying it again
        (showing("code"), False),  # nor a mailed code,
        (showing("password_reset"), False),  # nor a mailed link
        (by_a_bare_login, False),  # a door that nobody thought of
    ],
)
def test_who_came_by_this_door_is_asked_on_no_page_or_on_all(
    people: People, door: Door, is_believed: bool
) -> None:
    browser = door(people)
    assert is_in(browser)
    ours = "/t/initech/settings/egress/" if door is by_registration else OURS
    assert [asks(browser.get(path)) for path in (ours, ALLAUTHS)] == [not is_believed] * 2
    if is_believed:
        assert {browser.get(path).status_code for path in (ours, ALLAUTHS)} == {200}
        assert all(asks(age(browser, 301).get(path)) for path in (ours, ALLAUTHS))


@pytest.mark.parametrize("door", [by_a_reset, by_verifying_the_address, by_password_alone_of_two])
def test_who_came_by_this_door_is_not_in(people: People, door: Door) -> None:
    assert not is_in(door(people))


def test_there_is_no_log_in_by_other_sites() -> None:
    """Whoever adds one finds it in the table above: it is asked."""
    assert "allauth.socialaccount" not in settings.INSTALLED_APPS
    assert not [route.pattern for route in PAGES if "social" in route.pattern]


@pytest.mark.parametrize("path", FACTORS)
def test_a_page_of_factors_asks_once_it_was_said_long_ago(people: People, path: str) -> None:
    browser = log_in(people.alice.email)
    if path != "/account/app/":
        authenticator.set_up(browser)
    assert not asks(browser.get(path))
    before = sorted(Authenticator.objects.values_list("id", "data"), key=str)
    age(browser, 301)
    assert asks(browser.get(path))
    posted = browser.post(path, {"code": "000000"})
    assert asks(posted) or posted.status_code == 405
    assert sorted(Authenticator.objects.values_list("id", "data"), key=str) == before


@pytest.mark.parametrize(("asking", "other"), [(OURS, ALLAUTHS), (ALLAUTHS, OURS)])
def test_what_is_said_on_one_page_counts_on_the_other(
    people: People, asking: str, other: str
) -> None:
    browser = age(log_in(people.alice.email))
    assert asks(browser.get(other))
    assert say_again(browser, browser.get(asking)["Location"])["Location"] == asking
    assert browser.get(other).status_code == 200
