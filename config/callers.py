"""Who knocks for the proof of isolation, and how: each request is undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.test import Client

from config.doors import API
from config.household import Household
from tenants import confirming
from tenants.models import User

Ask = Callable[..., HttpResponseBase]


def by_key(home: Household) -> Client:
    """The owner with an API key."""
    headers = {"Authorization": f"Bearer {home.token}"}
    return Client(raise_request_exception=False, headers=headers)


def by_session(home: Household) -> Client:
    """The owner with a session."""
    return enter(Client(raise_request_exception=False), home.owner)


def enter(client: Client, user: User) -> Client:
    """As after the log-in form, without it: that takes the time that a password's hash does."""
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    confirming.note_password(request, user)
    request.session.save()
    return client


def asking(client: Client) -> Ask:
    """Sends a method, a path and a body; `prior` is posted first, `then` looks what it did."""
    own = urlsplit(settings.PUBLIC_URL)

    def send(method: str, path: str, body: object) -> HttpResponseBase:
        answer: HttpResponseBase = client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json" if path.startswith(f"/{API}") else "text/plain",
            secure=own.scheme == "https",
            headers={"host": own.netloc, "if-match": "*"},
            REMOTE_ADDR="",  # of none, so that it is not turned away for knocking too often
        )
        return answer

    def ask(
        method: str,
        path: str,
        body: object = None,
        *,
        prior: str | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> HttpResponseBase:
        with transaction.atomic():
            if prior is not None:
                send("POST", prior, {})
            answer = send(method, path, body)
            then()
            transaction.set_rollback(True)
        return answer

    return ask
