"""A person's own account: password, second factors, sessions."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants import services
from tenants.models import User
from tests import factories
from tests.factories import PASSWORD, People
from tests.tenants import letters
from tests.tenants.browsers import VERA, is_in, log_in

pytestmark = pytest.mark.usefixtures("committed_db")

OTHER = "another quite long password"


@pytest.fixture
def people() -> People:
    return factories.make_people()


# --- Logging in --------------------------------------------------------------------------------


def test_a_log_in_gets_a_session_of_its_own(people: People) -> None:
    client = Client()
    client.get("/login/")
    client.post("/login/", {"login": VERA, "password": "wrong"})
    client.session["left"] = "by somebody"
    before = client.session.session_key
    assert is_in(log_in(client=client))
    assert client.session.session_key != before


def test_after_wrong_passwords_the_right_one_has_to_wait(people: People) -> None:
    for _ in range(6):
        assert "do not belong together" in log_in(password="wrong").answer.content.decode()
    answer = log_in().answer
    assert "Wait a little" in answer.content.decode()
    assert log_in("ed@acme.example").answer.status_code == 302


def test_an_unknown_address_is_slowed_down_like_a_known_one(people: People) -> None:
    known, unknown = (
        ["Wait a little" in log_in(email, "wrong").answer.content.decode() for _ in range(7)]
        for email in (VERA, "nobody@acme.example")
    )
    assert known == unknown == [False] * 6 + [True]


def test_a_closed_account_is_told_so_only_with_its_password(people: People) -> None:
    User.objects.filter(email=VERA).update(is_active=False)
    assert "do not belong together" in log_in(password="wrong").answer.content.decode()
    assert log_in().answer["Location"] == "/login/closed/"
    assert not is_in(log_in())


# --- Passwords ---------------------------------------------------------------------------------


def reset_link(email: str = VERA) -> str:
    answer = Client().post("/password/", {"email": email})
    assert answer["Location"] == "/password/sent/"
    return letters.link(letters.to(email)[-1])


def choose(link: str, password: str = OTHER) -> Any:
    client = Client()
    form = client.get(link, follow=True)
    if not form.redirect_chain:
        return form
    return client.post(form.redirect_chain[-1][0], {"password1": password, "password2": password})


def test_a_forgotten_password_is_replaced_by_mail(people: People) -> None:
    assert choose(reset_link())["Location"] == "/password/done/"
    assert is_in(log_in(password=OTHER))
    assert not is_in(log_in())
    assert letters.to(VERA)[-1].subject == "Your password was changed"


def test_too_many_mails_are_refused_on_a_page_of_ours(people: People) -> None:
    answers = [Client().post("/password/", {"email": VERA}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert "That was too often" in answers[-1].content.decode()
    assert len(letters.to(VERA)) == 3


def test_the_link_is_good_once(people: People) -> None:
    link = reset_link()
    choose(link)
    assert "no good any more" in choose(link, "a third quite long one").content.decode()
    assert is_in(log_in(password=OTHER))


def test_the_link_is_good_for_an_hour(people: People, settings: Any) -> None:
    link = reset_link()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "no good any more" in choose(link).content.decode()


def test_a_reset_ends_all_sessions_and_verifies_the_address(people: People) -> None:
    stolen = log_in()
    services.set_address(people.vera, verified=False)
    choose(reset_link())
    assert not is_in(stolen)
    assert services.is_verified(people.vera)
    assert services.sessions_of(people.vera) == []


def test_asking_tells_nobody_who_has_an_account(people: People) -> None:
    known = Client().post("/password/", {"email": VERA}, follow=True)
    unknown = Client().post("/password/", {"email": "nobody@acme.example"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert known.content == unknown.content
    assert [letter.to for letter in letters.delivered()] == [[VERA]]


def test_the_mails_link_leads_to_us_whatever_host_was_asked(people: People, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    Client(headers={"Host": "evil.example"}).post("/password/", {"email": VERA})
    assert "http://127.0.0.1:8000/password/" in str(letters.to(VERA)[-1].body)


def test_changing_the_password_ends_other_sessions(people: People) -> None:
    mine, other = log_in(), log_in()
    given = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    assert mine.post("/account/password/", given)["Location"] == "/account/"
    assert is_in(mine)
    assert not is_in(other)
    assert len(services.sessions_of(people.vera)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"oldpassword": "wrong"}, "This is not your password."),
        ({"password2": "different"}, "same password each time"),
        ({"password1": "short", "password2": "short"}, "too short"),
    ],
)
def test_a_wrong_change_is_explained(people: People, wrong: dict[str, str], said: str) -> None:
    given = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER, **wrong}
    assert said in log_in().post("/account/password/", given).content.decode()
    assert is_in(log_in())


# --- Sessions ----------------------------------------------------------------------------------


def test_sessions_are_listed_and_one_is_ended(people: People) -> None:
    mine = log_in(client=Client(headers={"User-Agent": "Firefox here"}))
    other = log_in(client=Client(headers={"User-Agent": "Chrome there"}))
    text = mine.get("/account/").content.decode()
    assert "Firefox here" in text
    assert "Chrome there" in text
    [theirs] = [one for one in services.sessions_of(people.vera) if "Chrome" in one.user_agent]
    mine.post(f"/account/sessions/{theirs.pk}/end/")
    assert is_in(mine)
    assert not is_in(other)


def test_all_other_sessions_are_ended(people: People) -> None:
    mine, *others = (log_in() for _ in range(3))
    mine.post("/account/sessions/end/")
    assert is_in(mine)
    assert not any(is_in(other) for other in others)


def test_nobody_ends_anothers_session(people: People) -> None:
    theirs = log_in()
    [session] = services.sessions_of(people.vera)
    mallory = log_in("mallory@globex.example")
    assert mallory.post(f"/account/sessions/{session.pk}/end/").status_code == 404
    assert is_in(theirs)
