"""Second factors: setting them up, logging in with them, and the staff who must have one."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tenants import services
from tests import factories
from tests.factories import PASSWORD, People
from tests.tenants import authenticator, letters
from tests.tenants.browsers import VERA, is_in, log_in

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def people() -> People:
    return factories.make_people()


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


def test_setting_up_and_removing_are_mailed(people: People) -> None:
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
    assert browser.get("/account/app/").status_code == 200


def test_the_page_to_add_a_passkey_has_no_script_of_its_own(people: People) -> None:
    browser = log_in()
    answer = browser.get("/account/passkeys/")
    text = answer.content.decode()
    assert '<script id="passkey-options" type="application/json">' in text
    assert '<script src="/static/passkeys.js" defer></script>' in text
    assert text.count("<script") == 2
    rules = {rule.strip() for rule in answer["Content-Security-Policy"].split(";")}
    assert "script-src 'self'" in rules


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
