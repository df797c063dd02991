"""The pages of secrets and variables, as people use them, without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from config.callers import enter
from tenants import limits, scope, services
from tenants.models import Secret, TenantLimits, User
from tests import factories

pytestmark = pytest.mark.django_db

ROOT = "/t/acme/settings/"
VALUE = "open sesame & <b>'poppy'</b>"


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def editor(people: factories.People) -> Client:
    return browser(people.ed)


def browser(user: User) -> Client:
    client = Client()
    enter(client, user)
    return client


def secrets(people: factories.People) -> dict[str, tuple[str, tuple[str, ...]]]:
    with scope.tenant(people.acme.id):
        names = list(Secret.objects.values_list("name", flat=True))
        opened = services.open_secrets(people.acme.id, names)
    return {name: (secret.value, secret.hosts.rules) for name, secret in opened.items()}


def variables(people: factories.People) -> dict[str, object]:
    with scope.tenant(people.acme.id):
        return services.variable_values(people.acme.id)


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content
    return str(response.content.decode())


def test_a_secret_is_added_listed_and_never_shown(people: factories.People, editor: Client) -> None:
    given = {"name": "shop", "value": VALUE, "hosts": "Shop.example\r\n*.cdn.example"}
    assert editor.post(f"{ROOT}secrets/", given).headers["Location"] == ROOT
    assert secrets(people) == {"shop": (VALUE, ("shop.example", "*.cdn.example"))}
    for path in (ROOT, f"{ROOT}secrets/shop/", f"{ROOT}secrets/shop/delete/"):
        page = text(editor.get(path))
        assert "shop" in page
        assert "sesame" not in page
    assert "shop.example, *.cdn.example" in text(editor.get(ROOT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "No Name"}, "lower-case letters"),
        ({"name": "taken"}, "There is one of this name"),
        ({"value": "1234567"}, "at least 8 characters"),
        ({"value": ""}, "required"),
        ({"hosts": "https://shop.example"}, "without https://"),
        ({"hosts": "\n".join(f"h{number}.example" for number in range(21))}, "at most 20"),
    ],
)
def test_what_cannot_be_kept_is_told_and_the_value_not_repeated(
    people: factories.People, editor: Client, change: dict[str, str], message: str
) -> None:
    factories.make_secret(people.acme, "taken", "first value")
    given = {"name": "shop", "value": VALUE, "hosts": "shop.example", **change}
    page = text(editor.post(f"{ROOT}secrets/", given), 422)
    assert message in page
    assert "sesame" not in page
    assert secrets(people) == {"taken": ("first value", ())}


def test_a_value_is_replaced_and_the_hosts_with_it(
    people: factories.People, editor: Client
) -> None:
    factories.make_secret(people.acme, "shop", "first value", ["shop.example"])
    given = {"value": "line one\r\nline two", "hosts": "other.example"}
    assert editor.post(f"{ROOT}secrets/shop/", given).status_code == 302
    assert secrets(people) == {"shop": ("line one\nline two", ("other.example",))}


def test_hosts_are_taken_away_without_the_value_and_not_added(
    people: factories.People, editor: Client
) -> None:
    factories.make_secret(people.acme, "shop", "first value", ["a.example", "b.example"])
    assert "a.example\nb.example" in text(editor.get(f"{ROOT}secrets/shop/"))
    assert editor.post(f"{ROOT}secrets/shop/", {"hosts": "b.example"}).status_code == 302
    for wider in ("", "b.example c.example"):
        page = text(editor.post(f"{ROOT}secrets/shop/", {"hosts": wider}), 422)
        assert services.WIDENS in page
    assert secrets(people) == {"shop": ("first value", ("b.example",))}


def test_a_secret_and_a_variable_are_deleted_once_asked(
    people: factories.People, editor: Client
) -> None:
    factories.make_secret(people.acme, "shop", "first value")
    factories.make_variable(people.acme, "limit", 5)
    for path in (f"{ROOT}secrets/shop/delete/", f"{ROOT}variables/limit/delete/"):
        assert "no way back" in text(editor.get(path))
        assert editor.post(path).headers["Location"] == ROOT
        assert editor.get(path).status_code == 404
    assert (secrets(people), variables(people)) == ({}, {})


def test_a_variable_is_added_and_changed(people: factories.People, editor: Client) -> None:
    assert editor.post(f"{ROOT}variables/", {"name": "limit", "value": '{"eu": 5}'})
    assert "eu" in text(editor.get(ROOT))
    assert "&quot;eu&quot;: 5" in text(editor.get(f"{ROOT}variables/limit/"))
    assert editor.post(f"{ROOT}variables/limit/", {"value": "[true]"}).status_code == 302
    assert variables(people) == {"limit": [True]}


@pytest.mark.parametrize(
    "value", ["EUR", "", "null", "NaN", "1e999", '"\\u0000"', '"\\ud800"', "[" * 60_000]
)
def test_a_variable_that_cannot_be_kept_is_told(
    people: factories.People, editor: Client, value: str
) -> None:
    factories.make_variable(people.acme, "limit", 5)
    for path in (f"{ROOT}variables/", f"{ROOT}variables/limit/"):
        answer = editor.post(path, {"name": "other", "value": value})
        assert 'role="alert"' in text(answer, 422)
    assert variables(people) == {"limit": 5}


@pytest.mark.parametrize(
    "path", ["secrets/none/", "secrets/none/delete/", "variables/none/", "variables/none/delete/"]
)
def test_what_is_not_there_is_not_found(editor: Client, path: str) -> None:
    assert editor.get(ROOT + path).status_code == 404
    assert editor.post(ROOT + path, {"value": "open sesame"}).status_code == 404


PATHS = [
    "",
    "secrets/",
    "secrets/shop/",
    "secrets/shop/delete/",
    "variables/",
    "variables/limit/",
    "variables/limit/delete/",
]


@pytest.mark.parametrize("path", PATHS)
def test_only_who_may_write_secrets_sees_and_uses_the_pages(
    people: factories.People, path: str
) -> None:
    factories.make_secret(people.acme, "shop", "first value")
    factories.make_variable(people.acme, "limit", 5)
    for user, status in ((people.vera, 403), (people.otto, 403), (people.mallory, 404)):
        client = browser(user)
        assert client.get(ROOT + path).status_code == status
        given = {"name": "new", "value": "12345678"}
        assert client.post(ROOT + path, given).status_code in (status, 405)
    assert secrets(people) == {"shop": ("first value", ())}
    assert variables(people) == {"limit": 5}


def test_the_link_is_there_for_who_may_use_it(people: factories.People) -> None:
    for user, shown in ((people.ed, True), (people.vera, False)):
        assert (f'href="{ROOT}"' in text(browser(user).get("/t/acme/workflows/"))) is shown


def test_a_form_without_its_token_is_refused(people: factories.People) -> None:
    strict = Client(enforce_csrf_checks=True)
    enter(strict, people.ed)
    assert strict.post(f"{ROOT}secrets/", {"name": "n", "value": VALUE}).status_code == 403
    assert secrets(people) == {}


def test_one_secret_too_many_is_told_at_the_form(people: factories.People, editor: Client) -> None:
    with scope.tenant(people.acme.id):
        TenantLimits.objects.create(tenant=people.acme, secrets=1)
        services.put_secret(tenant_id=people.acme.id, name="shop", value=VALUE)
    limits.forget(people.acme.id)
    page = text(editor.post(f"{ROOT}secrets/", {"name": "bank", "value": VALUE}), 422)
    assert "has 1 secrets and may have 1" in page
    assert list(secrets(people)) == ["shop"]
