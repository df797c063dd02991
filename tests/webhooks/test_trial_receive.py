"""What comes in at a test address is shown, and runs the draft beside production."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tenants import scope
from tenants.problems import Problem
from tests import factories
from tests.executions.driving import drained
from tests.webhooks import senders
from tests.webhooks.listeners import Listener, close, draft_that_listens, listen
from tests.webhooks.senders import BODY, deliver, github, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import services, trial_receive
from webhooks.incoming import Incoming
from webhooks.models import Delivery, TrialRequest
from webhooks.refusals import REFUSED
from workflows import services as workflows

pytestmark = pytest.mark.usefixtures("committed_db")

KEEP = step("keep", kind="transform", config={"value": "{{ trigger.body.order_id }}"})
STRICT = document(step("only"), input={"type": "object", "required": ["order_id"]})
BROKEN = document(step("only", "nobody"))


# --- A request that is believed ------------------------------------------------------------------


def test_a_signed_request_runs_the_draft_as_a_test() -> None:
    listener = draft_that_listens(document(KEEP, output="{{ steps.keep.output }}"))
    received = listener.send()
    [run] = listener.runs()
    assert (run.id, run.test, run.version.number) == (received.execution_id, True, None)
    assert drained(run).output == "1001"


def test_it_is_shown_with_its_run() -> None:
    listener = draft_that_listens()
    headers = {**senders.standard(listener.address), "authorization": "Bearer very-secret"}
    received = listener.send(headers)
    [shown] = listener.came()
    assert (shown.id, shown.execution_id) == (received.delivery_id, received.execution_id)
    assert (shown.status, shown.reason, shown.errors) == (202, "", [])
    assert (shown.body, shown.size) == (BODY.decode(), len(BODY))
    assert shown.headers["webhook-id"] == "msg_1"
    assert "very-secret" not in str(shown.headers)


def test_the_draft_runs_as_it_is_when_the_request_comes() -> None:
    listener = draft_that_listens(document(step("before")))
    listener.send()
    with scope.tenant(listener.workflow.tenant_id):
        workflows.save_draft(
            workflow=listener.workflow,
            definition=document(step("after")),
            expected_revision=None,
        )
    listener.send()
    keys = [run.version.definition["steps"][0]["key"] for run in listener.runs()]
    assert keys == ["before", "after"]


def test_the_same_delivery_runs_again_and_is_none_of_productions() -> None:
    address = make_address()
    with scope.tenant(address.tenant.id):
        workflow = address.endpoint().workflow
    listener = listen(workflow, address.endpoint_id, address.secret)
    first, second = listener.send(), listener.send()
    deliver(address, standard(address))
    assert first.execution_id != second.execution_id
    assert [run.test for run in listener.runs()] == [True, True, False]
    with scope.tenant(address.tenant.id):
        assert Delivery.objects.count() == 1


# --- Whose signature -----------------------------------------------------------------------------


def test_a_provider_of_an_endpoint_is_believed_by_the_endpoints_secret() -> None:
    address = make_address("github")
    with scope.tenant(address.tenant.id):
        workflow = address.endpoint().workflow
    listener = listen(workflow, address.endpoint_id, address.secret)
    listener.send(github(address.secret, BODY))
    assert [request.status for request in listener.came()] == [202]


def test_a_secret_that_was_rotated_is_good_as_long_as_at_the_endpoint() -> None:
    address = make_address("github")
    with scope.tenant(address.tenant.id):
        endpoint = address.endpoint()
        new = services.rotate(endpoint=endpoint).secret
        workflow = endpoint.workflow
    listener = listen(workflow, address.endpoint_id, address.secret)
    for secret in (address.secret, new):
        listener.send(github(secret, BODY))
    with scope.tenant(address.tenant.id):
        services.rotate(endpoint=endpoint)
    assert listener.refused(github(address.secret, BODY)).status == 401


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-signature": "v1,AAAA"}, "made with another secret"),
        ({"webhook-signature": "AAAA"}, "begins with 'v1,'"),
        ({"webhook-signature": None}, "webhook-signature with the signature is missing"),
        ({"webhook-id": None}, "webhook-id with the id of the delivery is missing"),
        ({"webhook-timestamp": None}, "webhook-timestamp with the time of sending is missing"),
        ({"webhook-timestamp": "noon"}, "webhook-timestamp is no time as the scheme writes it"),
    ],
)
def test_the_sender_of_a_bad_signature_hears_nothing_and_the_listener_why(
    change: dict[str, str | None], reason: str
) -> None:
    listener = draft_that_listens()
    headers = {**standard(listener.address), **change}
    problem = listener.refused({name: value for name, value in headers.items() if value})
    assert (problem.status, problem.detail) == (401, REFUSED.detail)
    [shown] = listener.came()
    assert (shown.status, shown.execution_id) == (401, None)
    assert reason in shown.reason
    assert listener.runs() == []


def test_a_stale_request_is_shown_with_how_late_it_was() -> None:
    listener = draft_that_listens()
    old = standard(listener.address, age=timedelta(minutes=10))
    assert listener.refused(old).detail == REFUSED.detail
    [shown] = listener.came()
    assert "seconds in the past; 300 are allowed" in shown.reason


# --- What is refused -----------------------------------------------------------------------------


def test_a_body_that_the_draft_does_not_take_is_shown_with_its_errors() -> None:
    listener = draft_that_listens(STRICT)
    body = b"{}"
    problem = listener.refused(body=body)
    [shown] = listener.came()
    assert (problem.status, shown.status, shown.body) == (422, 422, "{}")
    assert "order_id" in str(shown.errors)
    assert shown.errors == problem.errors
    assert listener.runs() == []


def test_a_body_that_is_no_json_is_shown_as_it_is() -> None:
    listener = draft_that_listens()
    assert listener.refused(body=b"no json").status == 422
    [shown] = listener.came()
    assert shown.body == "no json"
    assert shown.reason.startswith("The body is not JSON")


def test_bytes_that_are_no_text_are_shown_as_far_as_they_can_be() -> None:
    listener = draft_that_listens()
    listener.refused({}, b"\xff\x00{}")
    [shown] = listener.came()
    assert (shown.body, shown.size) == ("\ufffd\ufffd{}", 4)


def test_a_draft_with_errors_runs_nothing_and_says_what_they_are_to_the_listener_only() -> None:
    listener = draft_that_listens(BROKEN)
    problem = listener.refused()
    assert (problem.status, problem.code, problem.errors) == (409, "not-runnable", [])
    [shown] = listener.came()
    assert "nobody" in str(shown.errors)
    assert listener.runs() == []


def test_only_the_last_requests_are_kept() -> None:
    listener = draft_that_listens(BROKEN)
    for number in range(trial_receive.KEPT + 3):
        listener.refused(body=b'{"n": %d}' % number)
    bodies = [shown.body for shown in listener.came()]
    newest = trial_receive.KEPT + 2
    assert (len(bodies), bodies[0]) == (trial_receive.KEPT, f'{{"n": {newest}}}')


# --- From where ----------------------------------------------------------------------------------


def listening_to(*allowed: str) -> Listener:
    """At a test address that takes an endpoint's signatures, and its allow-list."""
    address = make_address()
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.change(endpoint=endpoint, allowed_ips=allowed)
        workflow = endpoint.workflow
    return listen(workflow, address.endpoint_id, address.secret)


@pytest.mark.parametrize("client", ["198.51.100.1", None])
@pytest.mark.parametrize("headers", [None, {}])
def test_an_address_that_the_endpoint_does_not_allow_is_refused_and_shown(
    client: str | None, headers: dict[str, str] | None
) -> None:
    listener = listening_to("192.0.2.0/24")
    refused = listener.refused(headers, client=client)
    assert (refused.status, refused.code) == (403, "ip-denied")
    [shown] = listener.came()
    assert shown.status == 403
    assert (client or "cannot be told") in shown.reason
    assert listener.runs() == []


@pytest.mark.parametrize("client", ["192.0.2.200", "::ffff:192.0.2.3"])
def test_an_address_that_the_endpoint_allows(client: str) -> None:
    listener = listening_to("192.0.2.0/24")
    listener.send(client=client)
    assert len(listener.runs()) == 1


def test_without_an_endpoint_there_is_no_list() -> None:
    listener = draft_that_listens()
    listener.send(client=None)
    assert len(listener.runs()) == 1


@pytest.mark.parametrize(("peer", "status"), [("192.0.2.7", 202), ("198.51.100.1", 403)])
def test_the_connection_says_from_where_a_request_comes(peer: str, status: int) -> None:
    listener = listening_to("192.0.2.0/24")
    forged = {**standard(listener.address), "x-forwarded-for": "192.0.2.7"}
    answer = Client().post(
        listener.address.path,
        BODY,
        content_type="application/json",
        headers=forged,
        REMOTE_ADDR=peer,
    )
    assert answer.status_code == status


# --- For how long --------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "../admin", "a" * 65])
def test_nobody_listens_at_another_address(token: str) -> None:
    with pytest.raises(Problem) as refused:
        trial_receive.receive_trial(token, Incoming({}, {}, b"", None, 0))
    assert refused.value.status == 404


def test_when_its_time_is_over_there_is_nothing() -> None:
    listener = draft_that_listens()
    close(listener)
    assert listener.refused().status == 404
    assert listener.came() == []


def test_a_new_address_replaces_the_old_one() -> None:
    old = draft_that_listens()
    old.send()
    new = listen(old.workflow)
    assert old.refused().status == 404
    assert new.came() == []
    new.send()
    assert len(new.came()) == 1


def test_an_archived_workflow_listens_no_more() -> None:
    listener = draft_that_listens()
    with scope.tenant(listener.workflow.tenant_id):
        workflows.archive(workflow=listener.workflow)
    assert listener.refused().status == 404


def test_another_tenants_rows_are_out_of_reach() -> None:
    listener = draft_that_listens()
    listener.send()
    with scope.tenant(factories.make_tenant().id):
        assert TrialRequest.objects.count() == 0
