"""Staff end executions and run them again, each in its own tenant's scope."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions.models import Execution
from tenants import scope
from tenants.roles import Role
from tests import factories
from tests.executions import driving, standing

pytestmark = pytest.mark.django_db

LIST = "/admin/executions/execution/"


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def staff(people: factories.People) -> Client:
    client = Client()
    client.force_login(people.staff)
    return client


def action_of(execution: Execution, verb: str) -> str:
    return f"{LIST}{execution.id}/{verb}/"


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def made_of(execution: Execution) -> Execution:
    with scope.tenant(execution.tenant_id):
        return Execution.objects.get(origin=execution)


def test_cancelling_asks_first_and_says_who_did_it(people: factories.People, staff: Client) -> None:
    execution = standing.approval(people.acme)
    assert "Cancel the execution" in text_of(staff.get(action_of(execution, "cancel")))
    assert driving.fresh(execution).status == "waiting"
    staff.post(action_of(execution, "cancel"))
    assert driving.fresh(execution).status == "cancelled"
    assert driving.events(execution)[-1].message == "Cancelled by staff@stepwell.example."
    again = text_of(staff.post(action_of(execution, "cancel"), follow=True))
    assert "The execution has ended already." in again


def test_resuming_shows_what_runs_again(people: factories.People, staff: Client) -> None:
    execution = standing.failed(people.globex)
    text = text_of(staff.get(action_of(execution, "resume")))
    assert "It failed." in text
    response = staff.post(action_of(execution, "resume"), {"version": "same"})
    made = made_of(execution)
    assert response.headers["Location"] == f"{LIST}{made.id}/change/"
    assert (made.trigger_kind, made.tenant_id) == ("resume", people.globex.id)
    page = text_of(staff.get(f"{LIST}{made.id}/change/"))
    assert f"{LIST}{execution.id}/change/" in page


def test_an_uncertain_step_is_named_when_it_is_refused(
    people: factories.People, staff: Client
) -> None:
    execution = standing.unknown(people.acme)
    staff.post(action_of(execution, "cancel"))
    address = action_of(execution, "resume")
    assert 'name="repeat" value="pay"' in text_of(staff.get(address))
    assert "(pay)" in text_of(staff.post(address, {"version": "same"}, follow=True))
    staff.post(address, {"version": "same", "repeat": "pay"})
    assert made_of(execution).trigger_kind == "resume"


def test_what_cannot_be_resumed_offers_no_button(people: factories.People, staff: Client) -> None:
    execution = standing.approval(people.acme)
    text = text_of(staff.get(action_of(execution, "resume")))
    assert "it has not ended" in text
    assert ">Resume</button>" not in text


def test_replaying_starts_anew(people: factories.People, staff: Client) -> None:
    execution = standing.failed(people.acme)
    assert "The live version" in text_of(staff.get(action_of(execution, "replay")))
    staff.post(action_of(execution, "replay"), {"version": "current"})
    assert made_of(execution).trigger == driving.fresh(execution).trigger


def test_children_are_linked_and_items_are_not_in_the_list(
    people: factories.People, staff: Client
) -> None:
    execution = standing.items(people.acme)
    with scope.tenant(people.acme.id):
        item = Execution.objects.filter(parent=execution)[0]
    assert str(item.id) in text_of(staff.get(f"{LIST}{execution.id}/change/"))
    assert str(execution.id) in text_of(staff.get(f"{LIST}{item.id}/change/"))
    assert str(item.id) not in text_of(staff.get(LIST))
    assert str(item.id) in text_of(staff.get(f"{LIST}?items=yes"))
    assert str(item.id) in text_of(staff.get(f"{LIST}?q={item.id}"))


def test_staff_who_may_only_look_change_nothing(people: factories.People) -> None:
    execution, client = standing.failed(people.acme), Client()
    viewer = factories.make_member(people.acme, Role.OWNER)
    viewer.is_staff = True
    viewer.save()
    client.force_login(viewer)
    for verb in ("cancel", "resume", "replay"):
        assert client.post(action_of(execution, verb), {"version": "same"}).status_code == 403
