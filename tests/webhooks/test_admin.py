"""Endpoints in the staff's admin: the secret is shown once, and never after."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tenants import scope, services
from tenants.models import User
from tenants.problems import Problem
from tests.callers import PASSWORD, Caller, owner_of
from tests.webhooks import senders
from tests.webhooks.senders import Address, deliver, make_address, standard
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
    staff: Client, scheme: str = "standard-webhooks", options: str = "{}", **more: str
) -> Any:
    with scope.operator("the only workflow"):
        workflow = Workflow.objects.get()
    given = {
        "workflow": str(workflow.pk),
        "scheme": scheme,
        "options": options,
        "answer": "ack",
        **more,
    }
    return staff.post("/admin/webhooks/endpoint/add/", given)


def shown(answer: Any) -> str:
    match = re.search(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    assert match, answer.content
    return unescape(match[1])


def kept() -> tuple[Endpoint, str]:
    """The endpoint and its secret as it is stored."""
    with scope.operator("the only endpoint"):
        endpoint = Endpoint.objects.get()
    if not endpoint.sealed_secret:
        return endpoint, ""
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
    added(staff, scheme="none", confirm="flow")

    path = f"/admin/webhooks/endpoint/{kept()[0].pk}/rotate/"
    answer = staff.post(path, follow=True)

    assert b"has no secret to rotate" in answer.content


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("github", '{"header": "x"}'),
        ("generic", '{"hdr": "x"}'),
        ("generic", "[1]"),
        ("twilio", '{"algorithm": "md5"}'),
        ("x", "{}"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    staff: Client, acme: Caller, scheme: str, options: str
) -> None:
    assert added(staff, scheme, options).status_code == 200
    with scope.operator("none was made"):
        assert not Endpoint.objects.exists()


@pytest.mark.parametrize("field", ["name", "secret"])
def test_what_is_too_long_is_refused(staff: Client, acme: Caller, field: str) -> None:
    assert b"has at most" in added(staff, "none", **{field: "x" * 201}).content
    with scope.operator("none was made"):
        assert not Endpoint.objects.exists()


def test_an_endpoint_is_switched_off(staff: Client, acme: Caller) -> None:
    added(staff)
    endpoint, _ = kept()

    changed = {"name": "Orders", "answer": "ack"}
    staff.post(f"/admin/webhooks/endpoint/{endpoint.pk}/change/", changed)

    assert (kept()[0].enabled, kept()[0].name) == (False, "Orders")


def test_an_endpoint_is_called_as_its_workflow_unless_it_has_a_name(
    staff: Client, acme: Caller
) -> None:
    added(staff)
    assert kept()[0].name == "flow"


@pytest.mark.parametrize("confirm", ["", "flow", "orders"])
def test_an_open_endpoint_is_made_only_after_its_name_was_typed(
    staff: Client, acme: Caller, confirm: str
) -> None:
    answer = added(staff, scheme="none", name="Orders", confirm=confirm)

    assert b"type the endpoint&#x27;s name: Orders" in answer.content
    with scope.operator("none was made"):
        assert not Endpoint.objects.exists()

    added(staff, scheme="none", name="Orders", confirm="Orders")
    assert kept()[0].is_open


def test_a_providers_own_secret_is_asked_for(staff: Client, acme: Caller) -> None:
    assert b"Stripe chooses the secret itself" in added(staff, scheme="stripe").content

    added(staff, scheme="stripe", secret="whsec_0123456789abcdef")
    assert kept()[1] == "whsec_0123456789abcdef"


def test_a_providers_secret_may_follow(staff: Client, acme: Caller) -> None:
    assert "None yet" in shown(added(staff, scheme="stripe", later="on"))
    endpoint, _ = kept()
    assert endpoint.awaits_secret

    path = f"/admin/webhooks/endpoint/{endpoint.pk}/rotate/"
    assert b"Stripe chooses the secret itself" in staff.post(path, follow=True).content
    answer = staff.post(path, {"secret": "whsec_0123456789abcdef"})

    assert shown(answer) == kept()[1] == "whsec_0123456789abcdef"
    assert kept()[0].previous_expires_at is None


def test_what_is_answered_is_chosen_and_changed(staff: Client, acme: Caller) -> None:
    added(staff, answer="result")
    endpoint, _ = kept()
    assert endpoint.answer == "result"

    change = {"name": "flow", "answer": "ack", "enabled": "on"}
    staff.post(f"/admin/webhooks/endpoint/{endpoint.pk}/change/", change)

    assert (kept()[0].answer, kept()[0].enabled) == ("ack", True)


def test_what_the_live_version_cannot_answer_hinders_no_other_change(
    staff: Client, acme: Caller
) -> None:
    added(staff, answer="respond")  # nothing is published yet
    acme.post("workflows/flow/publish/")
    change = {"name": "Orders", "answer": "respond", "enabled": "on"}

    staff.post(f"/admin/webhooks/endpoint/{kept()[0].pk}/change/", change)

    assert (kept()[0].name, kept()[0].answer) == ("Orders", "respond")


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


SAME = {"name": "flow", "answer": "ack", "enabled": "on"}


def test_an_endpoint_is_bound_to_addresses(staff: Client, acme: Caller) -> None:
    added(staff)
    path = f"/admin/webhooks/endpoint/{kept()[0].pk}/change/"

    wrong = staff.post(path, {**SAME, "allowed_ips": '["10.0.0.1/8"]'})
    assert b"Did you mean 10.0.0.0/8?" in wrong.content

    staff.post(path, {**SAME, "allowed_ips": '["10.0.0.0/8", "192.0.2.7/32"]'})
    assert kept()[0].allowed_ips == ["10.0.0.0/8", "192.0.2.7"]


# --- Deliveries ----------------------------------------------------------------------------------


@pytest.fixture
def address(acme: Caller) -> Address:
    """An endpoint of a live workflow."""
    acme.post("workflows/flow/publish/")
    with scope.tenant(acme.tenant_id):
        workflow = Workflow.objects.get()
    return make_address(workflow=workflow)


def test_a_delivery_is_shown_with_headers_body_and_command(staff: Client, address: Address) -> None:
    with pytest.raises(Problem):
        deliver(address, {"x-shop": "north"}, b"<i>body</i>")
    (row,) = senders.kept(address)

    listing = staff.get("/admin/webhooks/delivery/?reason__exact=bad_signature")
    page = staff.get(f"/admin/webhooks/delivery/{row.pk}/change/").content.decode()

    assert str(row.pk) in listing.content.decode()
    assert "<i>body</i>" not in page
    for shown in ("north", "<i>body</i>", "curl --request POST", "bad signature"):
        assert shown in unescape(page)
    endpoint = staff.get(f"/admin/webhooks/endpoint/{address.endpoint_id}/change/")
    assert b"bad signature" in endpoint.content


def test_staff_send_a_delivery_again_after_a_question(staff: Client, address: Address) -> None:
    with pytest.raises(Problem):
        deliver(address, {})
    (row,) = senders.kept(address)
    path = f"/admin/webhooks/delivery/{row.pk}/resend/"

    assert b"Look at its body first" in staff.get(path).content
    assert senders.stored().executions == 0
    answer = staff.post(path)

    assert "/admin/executions/execution/" in answer["Location"]
    assert senders.stored().executions == 1


@pytest.mark.parametrize(("verb", "runs"), [("run", 1), ("discard", 0)])
def test_staff_pause_a_workflow_and_deal_with_what_it_stored(
    staff: Client, address: Address, verb: str, runs: int
) -> None:
    with scope.tenant(address.tenant.id):
        workflow = f"/admin/workflows/workflow/{Workflow.objects.get().pk}"
    waiting = f"/admin/webhooks/endpoint/{address.endpoint_id}/{verb}-waiting/"
    assert b"begins no runs" in staff.get(f"{workflow}/pause/").content
    staff.post(f"{workflow}/pause/")
    assert deliver(address, standard(address)).paused
    staff.post(f"{workflow}/resume/")

    assert b"1 deliveries wait" in staff.get(waiting).content
    staff.post(waiting)

    assert senders.stored().executions == runs
    assert b"0 deliveries wait" in staff.get(waiting).content
