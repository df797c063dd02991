"""Keys and secrets in the staff's admin."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tenants import scope
from tenants.models import ApiKey, Secret, Tenant, User
from tests import factories
from tests.callers import PASSWORD, Caller, owner_of


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


def new_key(staff: Client, acme: Caller) -> Caller:
    answer = staff.post(
        "/admin/tenants/apikey/add/",
        {"tenant": str(acme.tenant_id), "name": "ci", "role": "viewer"},
    )
    match = re.search(r"sw_\w+_[\w-]+", answer.content.decode())
    assert match, answer.content
    assert "no-store" in answer["Cache-Control"]
    return Caller(match[0], acme.tenant_id)


def test_a_new_keys_token_is_shown_once_and_works(staff: Client, acme: Caller) -> None:
    key = new_key(staff, acme)

    assert key.get("workflows/").status_code == 200
    with scope.operator("its row"):
        row = ApiKey.objects.get(name="ci")
    page = staff.get(f"/admin/tenants/apikey/{row.pk}/change/").content.decode()
    assert str(key.token) not in page


def test_a_revoked_key_stops_working_and_is_kept(staff: Client, acme: Caller) -> None:
    key = new_key(staff, acme)
    with scope.operator("its row"):
        row = ApiKey.objects.get(name="ci")
    path = f"/admin/tenants/apikey/{row.pk}"

    assert staff.get(f"{path}/revoke/").status_code == 200
    assert key.get("workflows/").status_code == 200
    staff.post(f"{path}/revoke/")

    assert key.get("workflows/").status_code == 401
    assert staff.get(f"{path}/delete/").status_code == 403


def test_a_secret_is_written_and_never_shown(staff: Client, acme: Caller) -> None:
    tenant = str(acme.tenant_id)
    given = {"tenant": tenant, "name": "token", "value": " open sesame \n"}
    staff.post("/admin/tenants/secret/add/", given)
    with scope.operator("its row"):
        row = Secret.objects.get()

    page = staff.get(f"/admin/tenants/secret/{row.pk}/change/").content.decode()
    assert "sesame" not in page
    assert kept(acme) == {"token": " open sesame \r\n".replace("\r\n", "\n")}

    staff.post(f"/admin/tenants/secret/{row.pk}/change/", {"value": "sesame two"})
    assert kept(acme) == {"token": "sesame two"}


def kept(acme: Caller) -> dict[str, str]:
    with scope.tenant(acme.tenant_id):
        return factories.secret_values(acme.tenant_id, ["token"])


def test_a_secret_too_short_to_be_masked_is_refused(staff: Client, acme: Caller) -> None:
    given = {"tenant": str(acme.tenant_id), "name": "token", "value": "1234567"}

    assert b"at least 8 characters" in staff.post("/admin/tenants/secret/add/", given).content
    assert kept(acme) == {}


def test_a_secrets_hosts_are_narrowed_without_the_value_and_widened_with_it(
    staff: Client, acme: Caller
) -> None:
    given = {"tenant": str(acme.tenant_id), "name": "token", "value": "open sesame"}
    staff.post("/admin/tenants/secret/add/", {**given, "hosts": "Shop.example\r\ncrm.example"})
    assert hosts(acme) == ["shop.example", "crm.example"]
    with scope.operator("its row"):
        path = f"/admin/tenants/secret/{Secret.objects.get().pk}/change/"

    refused = staff.post(path, {"value": "", "hosts": "other.example"})
    assert b"give the value too" in refused.content
    staff.post(path, {"value": "", "hosts": "crm.example"})
    assert (hosts(acme), kept(acme)) == (["crm.example"], {"token": "open sesame"})
    staff.post(path, {"value": "sesame two", "hosts": ""})
    assert (hosts(acme), kept(acme)) == ([], {"token": "sesame two"})


def hosts(acme: Caller) -> list[str]:
    with scope.tenant(acme.tenant_id):
        return Secret.objects.get().hosts


def test_what_was_typed_as_a_secret_is_not_shown_with_its_mistakes(
    staff: Client, acme: Caller
) -> None:
    given = {"tenant": str(acme.tenant_id), "name": "No Name", "value": "open sesame"}
    assert b"sesame" not in staff.post("/admin/tenants/secret/add/", given).content


def test_a_secrets_name_must_be_a_name(staff: Client, acme: Caller) -> None:
    given = {"tenant": str(acme.tenant_id), "name": "No Name", "value": "open sesame"}

    assert staff.post("/admin/tenants/secret/add/", given).status_code == 200
    with scope.operator("none was made"):
        assert not Secret.objects.exists()


def test_a_tenant_is_made_and_cannot_be_deleted(staff: Client) -> None:
    staff.post("/admin/tenants/tenant/add/", {"slug": "globex", "name": "Globex"})

    with scope.operator("its row"):
        tenant = Tenant.objects.get(slug="globex")
    assert staff.get(f"/admin/tenants/tenant/{tenant.pk}/delete/").status_code == 403
