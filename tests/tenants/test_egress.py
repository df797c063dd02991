"""The list of hosts that a tenant's calls may go to: over the API, on its page, in the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tenants import scope, services
from tenants.models import AuditEntry
from tenants.roles import Role
from tests import factories
from tests.callers import Caller, owner_of
from tests.site import session
from tests.workflows.definitions import document, step

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

HOSTS = ["api.shop.example", "*.cdn.example:8443"]


@pytest.fixture
def acme() -> Caller:
    return owner_of("acme")


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


def told(tenant_id: Any) -> list[tuple[str, Any, Any]]:
    with scope.tenant(tenant_id):
        rows = AuditEntry.objects.order_by("seq").values_list("action", "before", "after")
        return [
            (action, json.loads(before or ""), json.loads(after or ""))
            for action, before, after in rows
            if action in ("egress.changed", "tenant.changed")
        ]


def kept(tenant_id: Any) -> list[str]:
    with scope.tenant(tenant_id):
        return list(services.egress_of(tenant_id).rules)


# --- The API -------------------------------------------------------------------------------------


def test_a_tenant_has_no_list_until_its_owner_gives_one(acme: Caller) -> None:
    assert acme.get("egress/").json() == {"hosts": []}
    assert acme.put("egress/", {"hosts": HOSTS}).json() == {"hosts": HOSTS}
    assert acme.with_role(Role.VIEWER).get("egress/").json() == {"hosts": HOSTS}
    assert acme.put("egress/", {"hosts": []}).json() == {"hosts": []}


def test_hosts_are_kept_once_each_and_in_one_spelling(acme: Caller) -> None:
    given = {"hosts": ["Shop.Example.", "shop.example", "BÜCHER.example"]}
    answer = acme.put("egress/", given)
    assert answer.json() == {"hosts": ["shop.example", "xn--bcher-kva.example"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hosts": ["good.example", "https://shop.example"]}, "hosts.1"),
        ({"hosts": ["*"]}, "hosts.0"),
        ({"hosts": ["10.0.0.0/8"]}, "hosts.0"),
        ({"hosts": [f"h{number}.example" for number in range(51)]}, "hosts"),
        ({"hosts": "shop.example"}, "hosts"),
        ({"hosts": None}, "hosts"),
        ({}, "hosts"),
        ({"hosts": [], "ports": []}, "ports"),
    ],
)
def test_what_is_no_list_is_refused(acme: Caller, body: object, field: str) -> None:
    acme.put("egress/", {"hosts": HOSTS})
    answer = acme.put("egress/", body)
    assert answer.status_code == 422, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert acme.get("egress/").json() == {"hosts": HOSTS}


def test_a_change_is_told_and_the_same_list_again_is_not(acme: Caller) -> None:
    for hosts in (HOSTS, HOSTS, HOSTS[:1]):
        acme.put("egress/", {"hosts": hosts})
    assert told(acme.tenant_id) == [
        ("egress.changed", {"hosts": []}, {"hosts": HOSTS}),
        ("egress.changed", {"hosts": HOSTS}, {"hosts": HOSTS[:1]}),
    ]


def test_a_list_is_its_own_tenants(acme: Caller) -> None:
    acme.put("egress/", {"hosts": HOSTS})
    assert owner_of("globex").get("egress/").json() == {"hosts": []}


def test_publishing_warns_of_a_host_that_is_not_on_it(acme: Caller) -> None:
    acme.put("egress/", {"hosts": HOSTS})
    definition = document(
        step("good", kind="http", config={"url": "https://api.shop.example/{{ trigger.body.n }}"}),
        step("bad", kind="http", config={"url": "https://evil.example/"}),
    )
    found = acme.post("workflows/validate/", {"definition": definition}).json()["problems"]
    mine = [one for one in found if one["code"] == "egress_host"]
    assert [(one["step"], one["field"], one["severity"]) for one in mine] == [
        ("bad", "with.url", "warning")
    ]


# --- Pages ---------------------------------------------------------------------------------------

ROOT = "/t/acme/settings/"


def test_an_owner_says_on_a_page_where_calls_may_go(people: factories.People) -> None:
    owner = session(people.alice)
    assert "every public host" in owner.get(ROOT).content.decode()
    given = {"hosts": "Shop.example\r\n*.cdn.example"}
    assert owner.post(f"{ROOT}egress/", given).headers["Location"] == ROOT
    assert kept(people.acme.id) == ["shop.example", "*.cdn.example"]
    page = owner.get(ROOT).content.decode()
    assert "<li>shop.example</li>" in page
    assert "shop.example\n*.cdn.example" in owner.get(f"{ROOT}egress/").content.decode()
    assert owner.post(f"{ROOT}egress/", {"hosts": ""}).status_code == 302
    assert kept(people.acme.id) == []


def test_what_is_no_host_is_told_at_the_field(people: factories.People) -> None:
    owner = session(people.alice)
    for given, says in (("https://shop.example", "without https://"), ("a.example " * 51, "50")):
        page = owner.post(f"{ROOT}egress/", {"hosts": given})
        assert page.status_code == 422
        assert says in page.content.decode()
    assert kept(people.acme.id) == []


def test_an_editor_sees_the_list_and_cannot_change_it(people: factories.People) -> None:
    editor = session(people.ed)
    page = editor.get(ROOT).content.decode()
    assert "Outgoing calls" in page
    assert f"{ROOT}egress/" not in page
    assert editor.post(f"{ROOT}egress/", {"hosts": "x.example"}).status_code == 403


# --- The admin -----------------------------------------------------------------------------------


def test_staff_give_a_tenant_its_list_which_is_told_there(people: factories.People) -> None:
    staff = Client()
    staff.force_login(people.staff)
    path = f"/admin/tenants/tenant/{people.acme.id}/change/"
    refused = staff.post(path, {"slug": "acme", "name": "Acme", "egress_hosts": "http://x"})
    assert "without https://" in refused.content.decode()
    given = {"slug": "acme", "name": "Acme", "egress_hosts": "Shop.example"}
    for _ in range(2):
        assert staff.post(path, given).status_code == 302
    assert kept(people.acme.id) == ["shop.example"]
    assert "shop.example</textarea>" in staff.get(path).content.decode()
    staff.post(path, {**given, "name": "Another"})
    assert told(people.acme.id) == [
        ("egress.changed", {"hosts": []}, {"hosts": ["shop.example"]}),
        ("tenant.changed", {"name": "Acme"}, {"name": "Another"}),
    ]
