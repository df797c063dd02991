"""Staff listen for a tenant's draft."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tests import factories
from tests.factories import People
from tests.webhooks import listeners, senders
from webhooks import trials
from webhooks.models import TrialAddress
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

ADD = "/admin/webhooks/trialaddress/add/"


@pytest.fixture
def people() -> People:
    return factories.make_people()


@pytest.fixture
def workflow(people: People) -> Workflow:
    return factories.make_draft(people.acme, slug="flow")


@pytest.fixture
def staff(people: People) -> Client:
    client = Client()
    client.force_login(people.staff)
    return client


def kept(workflow: Workflow) -> TrialAddress:
    with scope.tenant(workflow.tenant_id):
        return TrialAddress.objects.get(workflow=workflow)


def change(workflow: Workflow, verb: str = "change") -> str:
    return f"/admin/webhooks/trialaddress/{kept(workflow).pk}/{verb}/"


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_an_address_is_opened_and_its_secret_shown_once(staff: Client, workflow: Workflow) -> None:
    page = text(staff.post(ADD, {"workflow": str(workflow.pk)}))
    secret = re.search(r"whsec_[\w+/=]+", page)
    assert secret
    assert kept(workflow).opened_by == "staff@stepwell.example"
    assert secret[0] not in text(staff.get(change(workflow)))


def test_a_new_one_takes_the_place_of_the_last(staff: Client, workflow: Workflow) -> None:
    staff.post(ADD, {"workflow": str(workflow.pk)})
    first = kept(workflow).token
    staff.post(ADD, {"workflow": str(workflow.pk)})
    assert kept(workflow).token != first


def test_an_endpoint_of_another_workflow_is_refused(
    staff: Client, people: People, workflow: Workflow
) -> None:
    other = senders.make_address(workflow=factories.make_draft(people.acme, slug="other"))
    given = {"workflow": str(workflow.pk), "endpoint": str(other.endpoint_id)}
    assert "an endpoint of another workflow" in text(staff.post(ADD, given))


def test_what_came_in_is_shown(staff: Client, workflow: Workflow) -> None:
    listener = listeners.listen(workflow)
    listener.refused({})
    assert "with the signature is missing" in text(staff.get(change(workflow)))


def test_it_goes_on_and_stops(staff: Client, workflow: Workflow) -> None:
    listeners.listen(workflow)
    before = kept(workflow).expires_at
    assert "Listen on" in text(staff.get(change(workflow, "extend")))
    staff.post(change(workflow, "extend"))
    assert kept(workflow).expires_at >= before
    staff.post(change(workflow, "stop"))
    assert not trials.is_listening(kept(workflow))
    answer = staff.post(change(workflow, "extend"), follow=True)
    assert "No test address listens just now." in text(answer)
