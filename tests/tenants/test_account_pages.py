"""A person's own account: password, second factors, sessions."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tenants import services
from tenants.models import User
from tests import factories
from tests.factories import PASSWORD, People
from tests.tenants import authenticator, letters

pytestmark = [
    pytest.mark.usefixtures("committed_db"),
    pytest.mark.filterwarnings("ignore:No directory at"),
]

VERA = "vera@acme.example"
OTHER = "another quite long password"


@pytest.fixture
def people() -> People:
    return factories.make_people()


def log_in(email: str = VERA, password: str = PASSWORD, client: Client | None = None) -> Any:
    """A browser after the log-in form: `answer` is what that said."""
    browser = client or Client()
    answer = browser.post("/login/", {"login": email, "password": password})
    browser.answer = answer  # type: ignore[attr-defined] # for the tests
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


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


# --- Second factors ----------------------------------------------------------------------------


def test_an_app_is_asked_for_at_the_next_log_in(people: People) -> None:
    secret = authenticator.set_up(log_in())
    browser = log_in()
    assert browser.answer["Location"] == "/login/confirm/"
    assert not is_in(browser)
    assert "Code of your app" in browser.get("/login/confirm/").content.decode()
    wrong = browser.post("/login/confirm/", {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    assert not is_in(browser)
    browser.post("/login/confirm/", {"code": authenticator.code(secret, 1)})
    assert is_in(browser)


def test_a_new_factor_ends_sessions_that_came_without_it(people: People) -> None:
    stolen, mine = log_in(), log_in()
    authenticator.set_up(mine)
    assert is_in(mine)
    assert not is_in(stolen)


def test_what_is_shown_of_a_factor_is_not_cached(people: People) -> None:
    browser = log_in()
    authenticator.say_again(browser, "/account/app/")
    assert browser.get("/account/app/")["Cache-Control"] == "no-store"


def test_a_code_is_good_once(people: People) -> None:
    code = authenticator.code(authenticator.set_up(log_in()), 1)
    first, second = log_in(), log_in()
    first.post("/login/confirm/", {"code": code})
    second.post("/login/confirm/", {"code": code})
    assert is_in(first)
    assert not is_in(second)


def test_codes_cannot_be_guessed(people: People) -> None:
    secret = authenticator.set_up(log_in())
    browser = log_in()
    for number in range(5):
        browser.post("/login/confirm/", {"code": f"00000{number}"})
    answer = browser.post("/login/confirm/", {"code": authenticator.code(secret, 1)})
    assert "Wait a little" in answer.content.decode()
    assert not is_in(browser)


def test_a_recovery_code_helps_once(people: People) -> None:
    browser = log_in()
    authenticator.set_up(browser)
    codes = authenticator.recovery_codes(browser)
    assert len(codes) == 10
    for expected in (True, False):
        other = log_in()
        other.post("/login/confirm/", {"code": codes[0]})
        assert is_in(other) == expected


def test_what_an_app_knows_is_sealed(people: People) -> None:
    secret = authenticator.set_up(log_in())
    kept = {row.type: str(row.data) for row in Authenticator.objects.filter(user=people.vera)}
    assert set(kept) == {"totp", "recovery_codes"}
    assert secret not in kept["totp"]
    seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
    assert len(seed) > 120  # 80 hexadecimal digits, sealed


def test_setting_up_and_removing_ask_for_the_password_and_are_mailed(people: People) -> None:
    browser = log_in()
    authenticator.set_up(browser)
    assert browser.post("/account/app/remove/")["Location"] == "/account/"
    assert not services.has_second_factor(people.vera)
    subjects = [letter.subject for letter in letters.to(VERA)]
    assert subjects == ["An authenticator app was set up", "Your authenticator app was removed"]
    assert is_in(log_in())


def test_without_a_verified_address_nothing_is_set_up(people: People) -> None:
    """Else whoever registers somebody else's address could lock its owner out for good."""
    made = services.register(tenant="New", email="new@x.example", password=PASSWORD)
    browser = log_in("new@x.example")
    for path in ("/account/app/", "/account/passkeys/"):
        assert browser.get(path)["Location"] == "/account/"
    assert "Verify your e-mail address first" in browser.get("/account/").content.decode()
    browser.post("/account/verify/")
    Client().post(letters.link(letters.to("new@x.example")[-1]))
    assert services.is_verified(made.user)
    assert browser.get("/account/app/")["Location"].startswith("/account/again/")


def test_the_page_to_add_a_passkey_has_no_script_of_its_own(people: People) -> None:
    browser = log_in()
    authenticator.say_again(browser, "/account/passkeys/")
    answer = browser.get("/account/passkeys/")
    text = answer.content.decode()
    assert '<script id="passkey-options" type="application/json">' in text
    assert '<script src="/static/passkeys.js" defer></script>' in text
    assert text.count("<script") == 2
    assert "script-src 'self';" in answer["Content-Security-Policy"]


# --- Staff -------------------------------------------------------------------------------------


def test_staff_get_into_the_admin_with_a_second_factor_only(people: People, settings: Any) -> None:
    settings.STAFF_MFA_REQUIRED = True
    services.set_address(people.staff, verified=True)
    browser = log_in(people.staff.email)
    for path in ("/admin/", "/admin/tenants/user/"):
        assert browser.get(path)["Location"] == "/account/"
    assert "the admin opens once you have" in browser.get("/account/").content.decode()
    authenticator.set_up(browser)
    assert browser.get("/admin/").status_code == 200


def test_where_it_is_not_required_staff_get_in(people: People, settings: Any) -> None:
    settings.STAFF_MFA_REQUIRED = False
    assert log_in(people.staff.email).get("/admin/").status_code == 200
