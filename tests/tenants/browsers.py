"""Browsers of people who log in by the form."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client

from tests.factories import PASSWORD

VERA = "vera@acme.example"


def log_in(email: str = VERA, password: str = PASSWORD, client: Client | None = None) -> Any:
    """A browser after the log-in form: `answer` is what that said."""
    browser = client or Client()
    answer = browser.post("/login/", {"login": email, "password": password})
    browser.answer = answer  # type: ignore[attr-defined] # for the tests
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def age(client: Client, seconds: float = 1e9) -> Client:
    """The browser's person said long ago that it is they."""
    kept = client.session
    for shown in kept[AUTHENTICATION_METHODS_SESSION_KEY]:
        shown["at"] -= seconds
    kept.save()
    return client


def asks(answer: Any) -> bool:
    leads = "/account/again/?next="
    return answer.status_code == 302 and str(answer["Location"]).startswith(leads)


def say_again(client: Client, location: str) -> Any:
    """Go to the confirmation, and say it."""
    assert "Confirm that it is you" in client.get(location).content.decode()
    [back] = parse_qs(urlsplit(location).query)["next"]
    return client.post(urlsplit(location).path, {"password": PASSWORD, "next": back})
