"""Browsers of people who log in by the form."""

from __future__ import annotations

from typing import Any

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
