"""The staff's admin as a whole: who gets in, and that every page of it opens."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import config.urls  # noqa: F401 - it registers the admin's pages
from executions import services as executions
from tenants import scope
from tenants.models import Tenant, TenantLimits, TenantUsage, User, Variable
from tests.callers import PASSWORD, Caller, owner_of
from tests.workflows.definitions import document, step
from workflows import services as workflows

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OURS = [
    model
    for model in MODELS
    if model._meta.app_label in ("tenants", "workflows", "executions", "webhooks")
]


@pytest.fixture(scope="module")
def owner(module_db: None) -> Caller:
    """Of a tenant with a row in every table that staff look at."""
    caller = owner_of("acme")
    caller.post("workflows/", {"name": "flow", "definition": document(step("a"), step("b", "a"))})
    caller.post("workflows/flow/publish/")
    caller.post("workflows/flow/run/", {})
    made = {"workflow": "flow", "scheme": "none", "confirm": "flow"}
    unsigned = caller.post("endpoints/", made).json()
    assert caller.post(urlsplit(unsigned["url"]).path, {}).status_code == 202
    caller.post("schedules/", {"workflow": "flow", "name": "Daily", "cron": "0 9 * * *"})
    caller.post("subscriptions/", {"workflow": "flow", "statuses": ["failed"]})
    executions.register("host:1")
    caller.post("workflows/flow/draft/listen/", {})
    caller.post("secrets/", {"name": "token", "value": "sesame-sesame"})
    caller.post("invitations/", {"email": "new@acme.example", "role": "viewer"})
    caller.post("variables/", {"name": "region", "value": "eu"})
    with scope.operator("limits are the staff's business"):
        tenant = Tenant.objects.get()
        TenantLimits.objects.create(tenant=tenant, writes="200/min")
        TenantUsage.objects.create(tenant=tenant, stored_bytes=1, measured_at=timezone.now())
    return caller


@pytest.fixture
def acme(owner: Caller, db: None) -> Caller:
    return owner


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


def address(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_opens(acme: Caller, staff: Client, model: Any) -> None:
    assert staff.get(address(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_row_opens(acme: Caller, staff: Client, model: Any) -> None:
    with scope.operator("any row will do"):
        row = model._default_manager.first()
    assert row is not None, "the fixture makes no row of it"
    answer = staff.get(address(model, "change", row.pk))

    assert answer.status_code == 200
    assert b"sesame" not in answer.content


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_form_for_a_new_row_opens_or_is_closed(
    acme: Caller, staff: Client, model: Any
) -> None:
    assert staff.get(address(model, "add")).status_code in (200, 403)


def test_the_front_page_opens(staff: Client) -> None:
    answer = staff.get("/admin/")

    assert answer.status_code == 200
    assert b"Deliveries" in answer.content


# --- Who gets in -------------------------------------------------------------------------------


def test_an_api_key_opens_nothing(acme: Caller) -> None:
    answer = acme.get("/admin/workflows/workflow/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_a_tenants_owner_gets_no_further_than_the_login(acme: Caller) -> None:
    client = Client()
    assert client.login(username="owner@acme.example", password=PASSWORD)

    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/login/").status_code == 403


def test_the_admin_has_no_login_of_its_own(staff: Client) -> None:
    """There would be no throttle and no second factor at it."""
    given = {"username": "staff@stepwell.example", "password": PASSWORD}

    for answer in (Client().get("/admin/login/"), Client().post("/admin/login/", given)):
        assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/admin/")
    assert staff.get("/admin/login/")["Location"] == "/admin/"


def test_staff_without_permissions_see_no_rows(acme: Caller) -> None:
    User.objects.create_user("new@stepwell.example", PASSWORD, is_staff=True)
    client = Client()
    assert client.login(username="new@stepwell.example", password=PASSWORD)

    assert client.get("/admin/workflows/workflow/").status_code == 403
    assert b"Deliveries" not in client.get("/admin/").content


# --- The browser's rules -----------------------------------------------------------------------


def policy(answer: Any) -> dict[str, str]:
    rules = (rule.strip().partition(" ") for rule in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in rules}


def test_the_policy_is_relaxed_in_the_admin_and_nowhere_else(staff: Client) -> None:
    inside = policy(staff.get("/admin/"))
    outside = policy(staff.get("/login/"))

    assert "'unsafe-eval'" in inside["script-src"]
    assert "unsafe" not in "".join(outside.values())
    assert inside["default-src"] == "'none'"


# --- Lists -------------------------------------------------------------------------------------


def test_staff_see_all_tenants_and_filter_by_one(acme: Caller, staff: Client) -> None:
    other = owner_of("globex")
    other.post("workflows/", {"name": "secret plan", "definition": {}})
    path = "/admin/workflows/workflow/"

    assert b"secret plan" in staff.get(path).content
    mine = staff.get(path, {"tenant__id__exact": str(acme.tenant_id)}).content
    assert b"secret plan" not in mine
    assert b"flow" in mine


def test_a_list_of_executions_counts_no_further_than_it_must(acme: Caller, staff: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        staff.get("/admin/executions/execution/")

    counts = [one["sql"] for one in captured if "COUNT(" in one["sql"]]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


def test_a_list_of_executions_takes_the_same_number_of_queries_for_any_length(
    acme: Caller, staff: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get("/admin/executions/execution/").status_code == 200
        return len(captured)

    queries()  # the session's first
    few = queries()
    with scope.tenant(acme.tenant_id):
        workflow = workflows.find(slug="flow")
        for _ in range(5):
            executions.start(workflow=workflow, kind="manual", body={})

    assert queries() == few


def test_an_execution_is_found_by_its_id_or_its_workflow(acme: Caller, staff: Client) -> None:
    ident = acme.get("executions/").json()["results"][0]["id"]
    path = "/admin/executions/execution/"

    assert ident.encode() in staff.get(path, {"q": ident}).content
    assert ident.encode() in staff.get(path, {"q": "flo"}).content
    assert ident.encode() not in staff.get(path, {"q": str(UUID(int=1))}).content
    assert ident.encode() not in staff.get(path, {"q": "other"}).content


def test_an_execution_is_shown_with_its_steps_and_events(acme: Caller, staff: Client) -> None:
    ident = acme.get("executions/").json()["results"][0]["id"]

    page = staff.get(f"/admin/executions/execution/{ident}/change/").content.decode()

    assert "execution.created" in page
    assert "pending" in page


# --- Writing -----------------------------------------------------------------------------------


def test_a_row_of_any_tenant_is_written(acme: Caller, staff: Client) -> None:
    with scope.operator("a variable of acme"):
        variable = Variable.objects.get(tenant_id=acme.tenant_id)

    answer = staff.post(
        f"/admin/tenants/variable/{variable.pk}/change/", {"name": "region", "value": '"us"'}
    )

    assert answer.status_code == 302
    with scope.operator("what became of it"):
        assert Variable.objects.get(pk=variable.pk).value == "us"
