"""A secret's list of hosts over the API: given, kept, narrowed, widened only with the value."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import scope
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of

pytestmark = pytest.mark.django_db

HOSTS = ["api.shop.example", "*.cdn.example:8443"]


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme").with_role(Role.EDITOR)


def put(caller: Caller, **values: object) -> Any:
    return caller.put("secrets/shop/", {"value": "open sesame", **values})


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.content
    return [error["field"] for error in answer.json()["errors"]]


def value_of(caller: Caller) -> str:
    with scope.tenant(caller.tenant_id):
        return factories.secret_values(caller.tenant_id, ["shop"])["shop"]


def test_a_secret_has_no_hosts_unless_some_are_given(acme: Caller) -> None:
    assert put(acme).json()["hosts"] == []
    assert put(acme, hosts=HOSTS).json()["hosts"] == HOSTS
    assert acme.get("secrets/shop/").json()["hosts"] == HOSTS
    assert acme.get("secrets/").json()["results"][0]["hosts"] == HOSTS


def test_a_new_value_keeps_the_list_that_is_there(acme: Caller) -> None:
    put(acme, hosts=HOSTS)
    assert put(acme, value="open sesame 2").json()["hosts"] == HOSTS


def test_a_new_value_may_come_with_any_list(acme: Caller) -> None:
    put(acme, hosts=HOSTS)
    assert put(acme, hosts=["other.example"]).json()["hosts"] == ["other.example"]
    assert put(acme, hosts=[]).json()["hosts"] == []


def test_hosts_are_kept_once_each_and_in_one_spelling(acme: Caller) -> None:
    made = put(acme, hosts=["Shop.Example.", "shop.example", "BÜCHER.example"])
    assert made.json()["hosts"] == ["shop.example", "xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("hosts", "field"),
    [
        (["good.example", "https://shop.example"], "hosts.1"),
        (["*"], "hosts.0"),
        (["*.com"], "hosts.0"),
        (["a" * 301], "hosts.0"),
        ([""], "hosts.0"),
        ([7, None], "hosts.1"),
        ([f"h{number}.example" for number in range(21)], "hosts"),
        ("shop.example", "hosts"),
        ({"a": 1}, "hosts"),
        (None, "hosts"),
    ],
)
@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_is_no_list_of_hosts_is_refused(
    acme: Caller, method: str, hosts: object, field: str
) -> None:
    put(acme)
    body = {"hosts": hosts, **({"value": "open sesame 2"} if method == "put" else {})}
    assert fields(getattr(acme, method)("secrets/shop/", body)) == [field]
    assert value_of(acme) == "open sesame"


def test_a_list_may_be_narrowed_without_the_value(acme: Caller) -> None:
    put(acme)
    for narrower in (HOSTS, ["api.shop.example", "eu.cdn.example:8443"], ["api.shop.example"]):
        answer = acme.patch("secrets/shop/", {"hosts": narrower})
        assert (answer.status_code, answer.json()["hosts"]) == (200, narrower)
    assert value_of(acme) == "open sesame"


@pytest.mark.parametrize("wider", [[], ["other.example"], [*HOSTS, "other.example"]])
def test_a_list_is_not_widened_without_the_value(acme: Caller, wider: list[str]) -> None:
    put(acme, hosts=HOSTS)
    answer = acme.patch("secrets/shop/", {"hosts": wider})
    assert fields(answer) == ["hosts"]
    assert "give the value too" in answer.json()["detail"]
    assert acme.get("secrets/shop/").json()["hosts"] == HOSTS


def test_only_who_may_write_secrets_narrows_a_list(acme: Caller) -> None:
    put(acme)
    for role in (Role.VIEWER, Role.OPERATOR):
        answer = acme.with_role(role).patch("secrets/shop/", {"hosts": HOSTS})
        assert answer.status_code == 403
    assert owner_of("globex").patch("secrets/shop/", {"hosts": HOSTS}).status_code == 404
    assert acme.patch("secrets/none/", {"hosts": HOSTS}).status_code == 404
    assert acme.patch("secrets/shop/", {"hosts": HOSTS, "value": "x" * 8}).status_code == 422
