"""Registration, secrets and variables over HTTP, with real API keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tenants import scope
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of

pytestmark = pytest.mark.django_db

PROBLEM = "application/problem+json"
ACCOUNT = {"tenant": "Acme", "email": "ann@acme.example", "password": "correct horse battery"}


class Answer:
    """What came back, taken apart."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers: dict[str, str] = dict(response.headers)
        self.kind = self.headers.get("Content-Type", "")
        self.text: str = response.content.decode()

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        """Those that a problem complains of."""
        return [error["field"] for error in self.body["errors"]]


def call(method: str, path: str, body: object = None, *, key: str | None = None) -> Answer:
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body)
    return Answer(Caller(key).send(method, path, sent))


@dataclass(frozen=True)
class Tenant:
    id: UUID
    keys: dict[Role, str | None]

    @property
    def key(self) -> str | None:
        return self.keys[Role.EDITOR]


def make_tenant(name: str) -> Tenant:
    owner = owner_of(name)
    return Tenant(owner.tenant_id, {role: owner.with_role(role).token for role in Role})


@pytest.fixture
def acme() -> Tenant:
    return make_tenant("acme")


@pytest.fixture
def globex() -> Tenant:
    return make_tenant("globex")


# --- Registration ------------------------------------------------------------------------------


def test_a_registration_answers_with_a_key_that_works() -> None:
    answer = call("POST", "register/", ACCOUNT)
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["tenant"] == {
        "id": str(UUID(answer.body["tenant"]["id"])),
        "slug": "acme",
        "name": "Acme",
    }
    assert call("GET", "secrets/", key=answer.body["api_key"]).status == 200


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"tenant": ""}, ["tenant"]),
        ({"tenant": "x" * 201}, ["tenant"]),
        ({"email": "ann"}, ["email"]),
        ({"password": "short"}, ["password"]),
        ({"password": "password12345"}, ["password"]),
        ({"password": "ann@acme.example"}, ["password"]),
        ({"password": "x" * 1001}, ["password"]),
        ({"tenant": "a\x00b"}, ["tenant"]),
        ({"tenant": None, "email": None}, ["tenant", "email"]),
        ({"role": "owner"}, ["role"]),
    ],
)
def test_a_registration_names_every_field_that_is_wrong(
    change: dict[str, object], fields: list[str]
) -> None:
    answer = call("POST", "register/", {**ACCOUNT, **change})
    assert (answer.status, answer.kind, answer.fields) == (422, PROBLEM, fields)


def test_a_taken_name_or_address_is_a_conflict(acme: Tenant) -> None:
    taken = call("POST", "register/", {**ACCOUNT, "email": "new@acme.example"})
    assert (taken.status, taken.body["type"]) == (409, "urn:stepwell:problem:taken")
    again = call("POST", "register/", {**ACCOUNT, "tenant": "New", "email": "Owner@acme.example"})
    assert (again.status, again.kind) == (409, PROBLEM)


def test_a_registration_with_another_tenants_key_is_its_own(acme: Tenant) -> None:
    answer = call("POST", "register/", {**ACCOUNT, "tenant": "New"}, key=acme.key)
    assert (answer.status, answer.body["tenant"]["slug"]) == (201, "new")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"null", b"1", b'{"tenant": NaN}'])
def test_a_body_that_is_no_object_is_refused_in_words(acme: Tenant, body: bytes) -> None:
    for path in ("register/", "secrets/", "variables/"):
        answer = call("POST", path, body, key=acme.key)
        assert answer.status in {400, 422}
        assert answer.kind == PROBLEM


def test_a_refusal_may_repeat_what_is_no_unicode(acme: Tenant) -> None:
    answer = call("POST", "register/", b'{"\\ud800": 1}')
    assert (answer.status, answer.kind, answer.fields) == (422, PROBLEM, ["?"])


# --- Who may ---------------------------------------------------------------------------------


CALLS = [
    (method, path)
    for thing in ("secrets", "variables")
    for method, path in [
        ("GET", f"{thing}/"),
        ("GET", f"{thing}/shop/"),
        ("POST", f"{thing}/"),
        ("PUT", f"{thing}/shop/"),
        ("DELETE", f"{thing}/shop/"),
    ]
]
THING = {"name": "shop", "value": "open sesame"}


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("key", [None, "sw_0123456789ab_x", "not a key"])
def test_without_a_valid_key_every_call_is_unauthorized(
    method: str, path: str, key: str | None
) -> None:
    answer = call(method, path, THING, key=key)
    assert (answer.status, answer.kind) == (401, PROBLEM)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_everybody_reads_and_editors_write(
    acme: Tenant, method: str, path: str, role: Role
) -> None:
    for thing in ("secrets/", "variables/"):
        call("POST", thing, THING, key=acme.key)
    answer = call(method, path, THING, key=acme.keys[role])
    may = method == "GET" or role in {Role.OWNER, Role.EDITOR}
    assert answer.status == ({"DELETE": 204}.get(method, 200) if may else 403)


@pytest.mark.parametrize("thing", ["secrets", "variables"])
def test_another_tenants_things_are_not_there(acme: Tenant, globex: Tenant, thing: str) -> None:
    call("POST", f"{thing}/", THING, key=acme.key)
    assert call("GET", f"{thing}/", key=globex.key).body["results"] == []
    assert call("GET", f"{thing}/shop/", key=globex.key).status == 404
    assert call("DELETE", f"{thing}/shop/", key=globex.key).status == 404
    assert call("PUT", f"{thing}/shop/", {"value": "theirs only"}, key=globex.key).status == 201
    assert call("DELETE", f"{thing}/shop/", key=globex.key).status == 204
    assert call("GET", f"{thing}/shop/", key=acme.key).status == 200


# --- Secrets -----------------------------------------------------------------------------------


def value_of(tenant: Tenant, name: str = "shop") -> str:
    with scope.tenant(tenant.id):
        return factories.secret_values(tenant.id, [name])[name]


def test_a_secret_is_created_and_replaced_and_never_shown(acme: Tenant) -> None:
    answers = [
        call("POST", "secrets/", THING, key=acme.key),
        call("POST", "secrets/", THING, key=acme.key),
        call("PUT", "secrets/shop/", {"value": "open sesame 2"}, key=acme.key),
        call("PUT", "secrets/shop/", {"name": "shop", "value": "open sesame 3"}, key=acme.key),
        call("PUT", "secrets/other/", {"value": "open sesame 4"}, key=acme.key),
        call("GET", "secrets/", key=acme.key),
        call("GET", "secrets/shop/", key=acme.key),
    ]
    assert [answer.status for answer in answers] == [201, 200, 200, 200, 201, 200, 200]
    assert not any("sesame" in answer.text for answer in answers)
    assert set(answers[0].body) == {"name", "hosts", "created_at", "updated_at"}
    assert [item["name"] for item in answers[5].body["results"]] == ["other", "shop"]
    assert value_of(acme) == "open sesame 3"


def test_a_secret_keeps_its_white_space(acme: Tenant) -> None:
    call("POST", "secrets/", {"name": "shop", "value": " sesame\n"}, key=acme.key)
    assert value_of(acme) == " sesame\n"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Shop", "value": "x"}, "name"),
        ({"name": "shop\u00e9", "value": "x"}, "name"),
        ({"name": "a" * 64, "value": "x"}, "name"),
        ({"name": "shop", "value": ""}, "value"),
        ({"name": "shop", "value": "1234567"}, "value"),
        ({"name": "shop", "value": "\x00"}, "value"),
        ({"name": "shop", "value": "\ud800"}, "value"),
        ({"name": "shop", "value": {"a": 1}}, "value"),
        ({"name": "shop", "value": "x" * 65_537}, "value"),
        ({"name": "shop"}, "value"),
        ({"value": "x"}, "name"),
    ],
)
def test_a_secret_that_can_not_be_kept_is_refused(
    acme: Tenant, body: dict[str, object], field: str
) -> None:
    answer = call("POST", "secrets/", body, key=acme.key)
    assert (answer.status, answer.kind) == (422, PROBLEM)
    assert field in answer.fields


@pytest.mark.parametrize("thing", ["secrets", "variables"])
@pytest.mark.parametrize("body", [{"name": "other", "value": "x"}, {}, [], "x", None])
def test_a_replacement_must_agree_with_its_address(acme: Tenant, thing: str, body: object) -> None:
    assert call("PUT", f"{thing}/shop/", body, key=acme.key).status == 422
    assert call("PUT", f"{thing}/Shop/", {"value": "x"}, key=acme.key).fields == ["name"]


# --- Variables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [False, 0, "x", [], {"a": [1.5, False]}, "a\\u0000b", "𝄞"])
def test_a_variable_is_any_json(acme: Tenant, value: object) -> None:
    made = call("POST", "variables/", {"name": "limit", "value": value}, key=acme.key)
    assert (made.status, made.body["value"]) == (201, value)
    assert call("GET", "variables/limit/", key=acme.key).body == made.body
    assert call("GET", "variables/", key=acme.key).body["results"] == [made.body]


@pytest.mark.parametrize(
    "value",
    [
        '"\\u0000"',
        '"a\\\\\\u0000"',
        '{"\\u0000": 1}',
        '"\\ud800"',
        "1e999",
        "null",
        f'"{"x" * 65_535}"',
    ],
)
def test_a_variable_that_postgres_can_not_keep_is_refused(acme: Tenant, value: str) -> None:
    body = f'{{"name": "limit", "value": {value}}}'.encode()
    answer = call("POST", "variables/", body, key=acme.key)
    assert (answer.status, answer.fields) == (422, ["value"])
