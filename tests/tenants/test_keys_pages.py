"""The pages of a tenant's API keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from config.callers import enter
from tenants import scope
from tenants.models import ApiKey
from tests import factories
from tests.callers import Caller
from tests.factories import People

pytestmark = pytest.mark.usefixtures("db")

KEYS = "/t/acme/api-keys/"


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def owner(people: People) -> Client:
    client = Client()
    enter(client, people.alice)
    return client


def text(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


def test_an_owner_makes_a_key_and_sees_its_token_once(owner: Client) -> None:
    form = {"name": "deploy", "role": "operator", "scopes": ["run"], "expires_at": ""}
    answer = owner.post(KEYS, form)
    [token] = re.findall(r"sw_[0-9a-f]{12}_[\w-]+", text(answer))
    assert answer["Cache-Control"] == "no-store"
    assert Caller(token).get("workflows/").status_code == 403
    listed = text(owner.get(KEYS))
    assert "deploy" in listed
    assert "operator: only run" in listed
    assert token not in listed


def test_no_scope_ticked_narrows_nothing(owner: Client) -> None:
    owner.post(KEYS, {"name": "deploy", "role": "viewer"})
    with scope.operator("a test looks"):
        assert ApiKey.objects.get().scopes is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"scopes": ["secrets"]}, "The role operator has no secrets."),
        ({"expires_at": "2020-01-01T00:00"}, "This time has passed."),
    ],
)
def test_a_wrong_form_is_shown_again(owner: Client, change: dict[str, object], said: str) -> None:
    answer = owner.post(KEYS, {"name": "deploy", "role": "operator", **change})
    assert answer.status_code == 422
    assert said in text(answer)
    with scope.operator("a test looks"):
        assert not ApiKey.objects.exists()


def test_an_owner_revokes_a_key(people: People, owner: Client) -> None:
    key = factories.make_key_row(people.acme, name="old")
    page = f"{KEYS}{key.id}/revoke/"
    assert "Revoke old?" in text(owner.get(page))
    assert owner.post(page).status_code == 302
    assert "old" not in text(owner.get(KEYS)).partition("<table>")[2]
    assert owner.get(page).status_code == 404


@pytest.mark.parametrize("who", ["ed", "otto", "vera"])
def test_others_have_no_such_page(people: People, client: Client, who: str) -> None:
    key = factories.make_key_row(people.acme)
    enter(client, getattr(people, who))
    for path in (KEYS, f"{KEYS}{key.id}/revoke/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"name": "x", "role": "viewer"}).status_code == 403
    assert "api-keys" not in text(client.get("/t/acme/members/"))
