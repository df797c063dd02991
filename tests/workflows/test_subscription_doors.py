"""Subscriptions over the API, on their page and in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant, User
from tests import factories
from tests.callers import Caller, owner_of
from tests.executions.driving import drained
from tests.factories import People
from workflows.models import Subscription, Workflow

pytestmark = pytest.mark.django_db

BODY = {"workflow": "notify", "source": "orders", "statuses": ["failed", "timed_out"]}
PAGE = "/t/acme/workflows/notify/subscriptions/"
ADMIN = "/admin/workflows/subscription/"


def rows() -> list[Subscription]:
    with scope.operator("a test looks at subscriptions"):
        return list(Subscription.objects.select_related("source").order_by("id"))


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


# --- API ---------------------------------------------------------------------------------------


@pytest.fixture
def acme() -> Caller:
    caller = owner_of("acme")
    with scope.operator("a test looks"):
        tenant = Tenant.objects.get(id=caller.tenant_id)
    for slug in ("notify", "orders"):
        factories.make_workflow(tenant, slug=slug)
    return caller


def test_one_is_made_read_changed_and_deleted(acme: Caller) -> None:
    answer = acme.post("subscriptions/", {**BODY, "filter": "{{ event.step == 'pay' }}"})
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/subscriptions/{body['id']}/"
    assert {name: body[name] for name in BODY} == BODY
    assert (body["enabled"], body["problem"], body["reactions"]) == (True, "", [])
    assert acme.get(answer["Location"]).json() == body
    assert [one["id"] for one in acme.get("subscriptions/").json()["results"]] == [body["id"]]
    changed = acme.patch(answer["Location"], {"enabled": False, "statuses": ["failed"]}).json()
    assert (changed["enabled"], changed["statuses"]) == (False, ["failed"])
    assert acme.delete(answer["Location"]).status_code == 204
    assert acme.get(answer["Location"]).status_code == 404


def test_without_a_source_it_hears_of_all_others(acme: Caller) -> None:
    body = acme.post("subscriptions/", {"workflow": "notify", "statuses": ["failed"]}).json()
    assert body["source"] is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"workflow": "nothing"}, "workflow"),
        ({"source": "nothing"}, "source"),
        ({"statuses": []}, "statuses"),
        ({"statuses": ["running"]}, "statuses.0"),
        ({"filter": "{{ event.outptu }}"}, "filter"),
        ({"filter": "x" * 2001}, "filter"),
        ({"sauce": 1}, "sauce"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(
    acme: Caller, values: dict[str, Any], field: str
) -> None:
    answer = acme.post("subscriptions/", {**BODY, **values})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert rows() == []


def test_a_circle_is_refused(acme: Caller) -> None:
    acme.post("subscriptions/", BODY)
    answer = acme.post("subscriptions/", {**BODY, "workflow": "orders", "source": "notify"})
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith("orders -> notify -> orders.")


# --- Page --------------------------------------------------------------------------------------


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def notify(people: People) -> Workflow:
    factories.make_workflow(people.acme, slug="orders")
    return factories.make_workflow(people.acme, slug="notify")


def test_an_editor_subscribes_on_the_page(people: People, notify: Workflow) -> None:
    ed = browser(people.ed)
    assert "None yet." in text_of(ed.get(PAGE))
    given = {"source": "orders", "statuses": ["failed", "cancelled"], "filter": ""}
    text = text_of(ed.post(PAGE, given, follow=True))
    assert "ends failed or cancelled" in text
    [made] = rows()
    assert (made.workflow_id, made.source and made.source.slug) == (notify.id, "orders")
    assert "ends failed or cancelled" in text_of(ed.get("/t/acme/workflows/notify/"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"statuses": [], "source": "orders"}, "This field is required."),
        ({"statuses": ["failed"], "filter": "{{ x }}"}, "only &quot;event&quot;"),
        ({"statuses": ["failed"], "source": "notify"}, "Select a valid choice"),
    ],
)
def test_what_does_not_fit_is_told_on_the_page(
    people: People, notify: Workflow, given: dict[str, Any], said: str
) -> None:
    text = text_of(browser(people.ed).post(PAGE, given))
    assert said in text.split('role="alert"')[1].split("</p>")[0]
    assert rows() == []


def test_a_circle_is_told_on_the_page(people: People, notify: Workflow) -> None:
    with scope.tenant(people.acme.id):
        orders = Workflow.objects.get(slug="orders")
    factories.subscribe(orders, notify)
    given = {"statuses": ["failed"], "source": "orders"}
    assert "without end" in text_of(browser(people.ed).post(PAGE, given))
    assert len(rows()) == 1


def test_it_is_switched_off_and_on_and_deleted_on_the_page(
    people: People, notify: Workflow
) -> None:
    subscription, ed = factories.subscribe(notify, None), browser(people.ed)
    address = f"{PAGE}{subscription.id}/"
    assert "Switched off." in text_of(ed.post(address, {"action": "disable"}, follow=True))
    assert not rows()[0].enabled
    text_of(ed.post(address, {"action": "enable"}, follow=True))
    assert rows()[0].enabled
    text_of(ed.post(address, {"action": "odd"}, follow=True))
    text_of(ed.post(address, {"action": "delete"}, follow=True))
    assert rows() == []


def test_who_may_not_edit_sees_it_and_changes_nothing(people: People, notify: Workflow) -> None:
    subscription = factories.subscribe(notify, None)
    for user in (people.otto, people.vera):
        client = browser(user)
        text = text_of(client.get(PAGE))
        assert "any other workflow" in text
        assert "Switch off" not in text
        assert client.post(PAGE, {"statuses": ["failed"]}).status_code == 403
        assert client.post(f"{PAGE}{subscription.id}/", {"action": "delete"}).status_code == 403
    assert len(rows()) == 1


def test_under_another_workflows_address_it_is_not_found(people: People, notify: Workflow) -> None:
    subscription = factories.subscribe(notify, None)
    address = f"/t/acme/workflows/orders/subscriptions/{subscription.id}/"
    assert browser(people.ed).post(address, {"action": "delete"}).status_code == 404


def test_reactions_are_shown_on_all_doors(people: People, notify: Workflow) -> None:
    with scope.tenant(people.acme.id):
        orders = Workflow.objects.get(slug="orders")
    subscription = factories.subscribe(notify, orders, filter="{{ event.output.total > 1 }}")
    execution = drained(factories.start_execution(orders))
    caller = Caller(factories.make_key(people.acme), people.acme.id)
    [reaction] = caller.get(f"subscriptions/{subscription.id}/").json()["reactions"]
    assert (reaction["execution"], reaction["started"]) == (str(execution.id), None)
    assert (reaction["outcome"], reaction["reason"][:7]) == ("filter_failed", "filter:")
    for client, address in (
        (browser(people.vera), PAGE),
        (browser(people.vera), f"/t/acme/executions/{execution.id}/"),
        (browser(people.staff), f"{ADMIN}{subscription.id}/change/"),
    ):
        assert "filter: " in text_of(client.get(address)), address
    [told] = caller.get(f"executions/{execution.id}/").json()["reactions"]
    assert (told["subscription"], told["workflow"]) == (str(subscription.id), "notify")


# --- Admin -------------------------------------------------------------------------------------


def test_staff_make_and_change_one(people: People, notify: Workflow) -> None:
    staff = browser(people.staff)
    given = {"workflow": str(notify.id), "statuses": ["failed"], "filter": "", "enabled": "on"}
    text_of(staff.post(f"{ADMIN}add/", given, follow=True))
    [made] = rows()
    assert (made.tenant_id, made.statuses, made.source_id) == (people.acme.id, ["failed"], None)
    text_of(staff.get(ADMIN))
    change = {"statuses": ["succeeded", "failed"], "filter": ""}
    text_of(staff.post(f"{ADMIN}{made.id}/change/", change, follow=True))
    assert (rows()[0].enabled, rows()[0].statuses) == (False, ["succeeded", "failed"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"filter": "{{ x }}"}, "only &quot;event&quot;"),
        ({"statuses": []}, "This field is required."),
        ({"source": "itself"}, "without end"),
        ({"source": "theirs"}, "another tenant"),
    ],
)
def test_what_does_not_fit_is_told_to_staff(
    people: People, notify: Workflow, given: dict[str, Any], said: str
) -> None:
    theirs = factories.make_workflow(people.globex)
    known = {"itself": str(notify.id), "theirs": str(theirs.id)}
    values = {"workflow": str(notify.id), "statuses": ["failed"], "enabled": "on", **given}
    values["source"] = known.get(str(values.get("source")), "")
    assert said in text_of(browser(people.staff).post(f"{ADMIN}add/", values))
    assert rows() == []


def test_staff_run_a_workflow_by_hand(people: People, notify: Workflow) -> None:
    staff = browser(people.staff)
    action = staff.get(f"/admin/workflows/workflow/{notify.id}/run/")
    address = action.headers["Location"]
    assert "Starts version 1." in text_of(staff.get(address))
    wrong = text_of(staff.post(address, {"body": "{"}))
    assert "This is not JSON" in wrong
    text_of(staff.post(address, {"body": '{"n": 1}'}, follow=True))
    with scope.tenant(people.acme.id):
        [execution] = Execution.objects.filter(workflow=notify)
        [created] = execution.events.filter(kind="execution.created")
    assert (execution.trigger_kind, execution.trigger["body"]) == ("manual", {"n": 1})
    assert created.message == "Started by staff@stepwell.example."
