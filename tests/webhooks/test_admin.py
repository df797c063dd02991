"""Endpoints in the staff's admin: the secret is shown once, and never after."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tenants import scope, services
from tenants.models import User
from tests.callers import PASSWORD, Caller, owner_of
from tests.workflows.definitions import document, step
from webhooks.models import Endpoint
from webhooks.receive import secret_purpose
from workflows.models import Workflow


@pytest.fixture
def acme(db: None) -> Caller:
    caller = owner_of("acme")
    caller.post("workflows/", {"name": "flow", "definition": document(step("a"))})
    return caller


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


def added(
    staff: Client, scheme: str = "standard-webhooks", options: str = "{}", answer: str = "ack"
) -> Any:
    with scope.operator("the only workflow"):
        workflow = Workflow.objects.get()
    given = {"workflow": str(workflow.pk), "scheme": scheme, "options": options, "answer": answer}
    return staff.post("/admin/webhooks/endpoint/add/", given)


def shown(answer: Any) -> str:
    match = re.search(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    assert match, answer.content
    return unescape(match[1])


def kept() -> tuple[Endpoint, str]:
    """The endpoint and its secret as it is stored."""
    with scope.operator("the only endpoint"):
        endpoint = Endpoint.objects.get()
    purpose = secret_purpose(endpoint.pk)
    return endpoint, services.unseal(endpoint.tenant_id, purpose, endpoint.sealed_secret)


def test_a_new_endpoints_secret_is_shown_once(staff: Client, acme: Caller) -> None:
    answer = added(staff)

    endpoint, secret = kept()
    assert shown(answer) == secret
    assert "no-store" in answer["Cache-Control"]
    assert endpoint.tenant_id == acme.tenant_id
    page = staff.get(f"/admin/webhooks/endpoint/{endpoint.pk}/change/").content.decode()
    assert endpoint.token in page
    assert secret not in page


def test_a_rotated_secret_is_shown_once_and_only_after_a_post(staff: Client, acme: Caller) -> None:
    added(staff)
    endpoint, before = kept()
    path = f"/admin/webhooks/endpoint/{endpoint.pk}/rotate/"

    assert staff.get(path).status_code == 200
    assert kept()[1] == before

    answer = staff.post(path)
    assert shown(answer) == kept()[1] != before


def test_a_scheme_without_secrets_has_nothing_to_rotate(staff: Client, acme: Caller) -> None:
    added(staff, scheme="none")

    path = f"/admin/webhooks/endpoint/{kept()[0].pk}/rotate/"
    answer = staff.post(path, follow=True)

    assert b"has no secret to rotate" in answer.content


@pytest.mark.parametrize(
    ("scheme", "options"),
    [("github", '{"header": "x"}'), ("generic", '{"hdr": "x"}'), ("generic", "[1]"), ("x", "{}")],
)
def test_options_that_do_not_fit_are_refused(
    staff: Client, acme: Caller, scheme: str, options: str
) -> None:
    assert added(staff, scheme, options).status_code == 200
    with scope.operator("none was made"):
        assert not Endpoint.objects.exists()


def test_an_endpoint_is_switched_off(staff: Client, acme: Caller) -> None:
    added(staff)
    endpoint, _ = kept()

    staff.post(f"/admin/webhooks/endpoint/{endpoint.pk}/change/", {"answer": "ack"})

    assert kept()[0].enabled is False


def test_what_is_answered_is_chosen_and_changed(staff: Client, acme: Caller) -> None:
    added(staff, answer="result")
    endpoint, _ = kept()
    assert endpoint.answer == "result"

    change = {"answer": "ack", "enabled": "on"}
    staff.post(f"/admin/webhooks/endpoint/{endpoint.pk}/change/", change)

    assert (kept()[0].answer, kept()[0].enabled) == ("ack", True)


def test_an_answer_that_the_workflow_cannot_give_is_refused(staff: Client, acme: Caller) -> None:
    acme.post("workflows/flow/publish/")
    assert b"has no respond step" in added(staff, answer="respond").content
    added(staff)
    path = f"/admin/webhooks/endpoint/{kept()[0].pk}/change/"

    answer = staff.post(path, {"answer": "respond", "enabled": "on"})

    assert b"has no respond step" in answer.content
    assert kept()[0].answer == "ack"


def test_an_endpoint_is_deleted(staff: Client, acme: Caller) -> None:
    added(staff)
    endpoint, _ = kept()

    answer = staff.post(f"/admin/webhooks/endpoint/{endpoint.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 302
    with scope.operator("it is gone"):
        assert not Endpoint.objects.exists()
