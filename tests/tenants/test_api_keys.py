"""API keys over the API: what they may, until when, and how they end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenants import scope
from tenants.models import ApiKey, AuditEntry
from tenants.roles import Permission, Role
from tests import factories
from tests.callers import Caller
from tests.factories import People

pytestmark = pytest.mark.usefixtures("db")

NEW = {"name": "deploy", "role": "operator"}


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def owner(people: People) -> Caller:
    return Caller(factories.make_key(people.acme), people.acme.id)


def made(owner: Caller, **more: object) -> dict[str, Any]:
    answer = owner.post("api-keys/", {**NEW, **more})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def narrowed(people: People, role: Role, *scopes: Permission) -> Caller:
    return Caller(factories.make_key(people.acme, role, scopes), people.acme.id)


def refused(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, [error["field"] for error in answer.json().get("errors", [])]


# --- Making, reading, naming -------------------------------------------------------------------


def test_the_token_is_in_the_answer_that_makes_it_and_nowhere_else(owner: Caller) -> None:
    key = made(owner)
    token = key.pop("token")
    assert token.startswith(key["prefix"].rstrip("…"))
    assert owner.get(f"api-keys/{key['id']}/").json() == key
    assert owner.get("api-keys/").json()["results"][0] == key
    assert Caller(token).get("workflows/").status_code == 200
    secret = token.rpartition("_")[2]
    with scope.operator("a test looks"):
        assert secret not in repr(list(ApiKey.objects.values_list()))
        assert secret not in repr(list(AuditEntry.objects.values_list()))


def test_a_key_is_narrowed_and_ends(owner: Caller) -> None:
    until = "2099-01-01T00:00:00Z"
    key = made(owner, scopes=["view", "run", "view"], expires_at=until)
    assert (key["role"], key["scopes"], key["expires_at"]) == ("operator", ["run", "view"], until)


def test_a_key_is_renamed_and_told_of(owner: Caller) -> None:
    key = made(owner)
    answer = owner.patch(f"api-keys/{key['id']}/", {"name": "billing"})
    assert (answer.status_code, answer.json()["name"]) == (200, "billing")
    with scope.tenant(owner.tenant_id):
        entry = AuditEntry.objects.order_by("-seq")[0]
    assert (entry.action, entry.target_id) == ("api_key.changed", key["id"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": "emperor"}, "role"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["fly"]}, "scopes.0"),
        ({"scopes": ["secrets"]}, "scopes"),
        ({"scopes": "run"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"rights": "all"}, "rights"),
    ],
)
def test_a_wrong_key_is_refused(owner: Caller, change: dict[str, object], field: str) -> None:
    assert refused(owner.post("api-keys/", {**NEW, **change})) == (422, [field])


@pytest.mark.parametrize("change", [{"role": "owner"}, {"scopes": None}, {"expires_at": None}])
def test_nothing_but_a_keys_name_can_be_changed(owner: Caller, change: dict[str, object]) -> None:
    path = f"api-keys/{made(owner)['id']}/"
    assert owner.patch(path, {"name": "x", **change}).status_code == 422
    assert owner.get(path).json()["name"] == "deploy"


# --- What a key may ----------------------------------------------------------------------------


def test_a_narrowed_key_may_no_more_than_its_scopes(people: People) -> None:
    caller = narrowed(people, Role.OWNER, Permission.SECRETS)
    assert caller.put("variables/colour/", {"value": "red"}).status_code == 201
    assert caller.get("variables/").status_code == 403
    assert caller.post("workflows/", {"name": "x"}).status_code == 403
    assert caller.get("api-keys/").status_code == 403


def test_a_key_that_may_only_see_decides_nothing(people: People) -> None:
    workflow = factories.make_workflow(people.acme)
    execution = factories.start_execution(workflow)
    path = f"executions/{execution.id}/steps/only/decide/"
    body = {"decision": "approved"}
    assert narrowed(people, Role.OWNER, Permission.VIEW).post(path, body).status_code == 403
    may = narrowed(people, Role.OWNER, Permission.DECIDE, Permission.VIEW)
    assert may.post(path, body).status_code == 409


ADMINISTERS = [Permission.ADMINISTER, Permission.VIEW]


def test_a_key_makes_none_that_may_more(people: People) -> None:
    caller = narrowed(people, Role.OWNER, *ADMINISTERS)
    assert made(caller, role="owner", scopes=["administer"])["scopes"] == ["administer"]
    for more in ({"role": "owner"}, {"role": "viewer"}, {"role": "editor", "scopes": ["edit"]}):
        answer = caller.post("api-keys/", {**NEW, **more})
        assert answer.status_code == 403
        assert "what you have not" in answer.json()["detail"]


def test_a_key_makes_no_person_who_may_more(people: People) -> None:
    caller = narrowed(people, Role.OWNER, *ADMINISTERS)
    body = {"email": "nora@acme.example", "role": "owner"}
    assert caller.post("invitations/", body).status_code == 403
    rows = caller.get("members/").json()["results"]
    vera = next(row["id"] for row in rows if row["email"] == "vera@acme.example")
    assert caller.patch(f"members/{vera}/", {"role": "owner"}).status_code == 403


def test_a_key_revokes_none_that_may_more(people: People, owner: Caller) -> None:
    caller, strong = narrowed(people, Role.OWNER, *ADMINISTERS), made(owner, role="owner")
    assert caller.delete(f"api-keys/{strong['id']}/").status_code == 403
    assert Caller(strong["token"]).get("workflows/").status_code == 200


# --- Its end -----------------------------------------------------------------------------------


def test_a_revoked_key_opens_nothing_and_is_gone(owner: Caller) -> None:
    key = made(owner)
    path = f"api-keys/{key['id']}/"
    assert owner.delete(path).status_code == 204
    assert Caller(key["token"]).get("workflows/").status_code == 401
    assert owner.get(path).status_code == 404
    assert owner.delete(path).status_code == 404
    assert key["id"] not in [row["id"] for row in owner.get("api-keys/").json()["results"]]


def test_an_expired_key_opens_nothing_and_is_still_listed(owner: Caller) -> None:
    key = made(owner, expires_at="2099-01-01T00:00:00Z")
    with scope.tenant(owner.tenant_id):
        ApiKey.objects.filter(id=key["id"]).update(
            expires_at=datetime.now(UTC) - timedelta(seconds=1)
        )
    assert Caller(key["token"]).get("workflows/").status_code == 401
    assert owner.get(f"api-keys/{key['id']}/").status_code == 200


def test_another_tenants_key_is_not_found(people: People, owner: Caller) -> None:
    key, stranger = made(owner), Caller(factories.make_key(people.globex), people.globex.id)
    for path in (f"api-keys/{key['id']}/", f"api-keys/{uuid.uuid4()}/"):
        assert stranger.get(path).status_code == 404
        assert stranger.patch(path, {"name": "x"}).status_code == 404
        assert stranger.delete(path).status_code == 404


def test_its_use_is_noted(owner: Caller) -> None:
    key = made(owner)
    assert key["last_used_at"] is None
    Caller(key["token"]).get("workflows/")
    used = owner.get(f"api-keys/{key['id']}/").json()["last_used_at"]
    assert datetime.now(UTC) - datetime.fromisoformat(used) < timedelta(minutes=5)


def test_a_key_that_was_refused_was_not_used(owner: Caller) -> None:
    key = made(owner)
    Caller(key["token"][:-1]).get("workflows/")
    assert owner.get(f"api-keys/{key['id']}/").json()["last_used_at"] is None
