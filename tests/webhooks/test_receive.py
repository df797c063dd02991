"""What a delivery leaves behind, how often, and who may send it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions.models import Execution
from tenants import scope
from tenants.keyring import KeyRingError
from tenants.problems import Problem
from tests import factories
from tests.executions import driving
from tests.webhooks import senders
from tests.webhooks.senders import BODY, NOTHING, Address, Stored, deliver, make_address, standard
from tests.workflows.definitions import document, step
from webhooks import services
from webhooks.models import Delivery, Endpoint
from webhooks.receive import receive
from workflows import services as workflows

pytestmark = pytest.mark.usefixtures("committed_db")

ONE_RUN = Stored(deliveries=1, executions=1, events=1)
STRICT = document(step("only"), input={"type": "object", "required": ["order_id"]})


def refusal_of(address: Address, headers: dict[str, str], body: bytes = BODY) -> int:
    """The status of the answer to a request that must be refused."""
    with pytest.raises(Problem) as refused:
        deliver(address, headers, body)
    return refused.value.status


# --- What is stored ----------------------------------------------------------------------------


def test_an_accepted_delivery_is_stored_with_its_run() -> None:
    address = make_address(definition=document(step("a"), step("b"), step("c", "a", "b")))
    received = deliver(address, standard(address))
    assert not received.duplicate
    with scope.tenant(address.tenant.id):
        delivery = Delivery.objects.get()
        execution = Execution.objects.get()
    assert (delivery.id, delivery.execution_id) == (received.delivery_id, received.execution_id)
    assert (delivery.size, delivery.dedupe_key) == (len(BODY), "id:msg_1")
    assert (execution.id, execution.status) == (received.execution_id, "queued")
    assert driving.kinds(execution) == ["execution.created"]


@pytest.mark.parametrize(
    ("limit", "first", "second"),
    [
        ("queue", "queued", "queued"),
        ("drop", "queued", "cancelled"),
        ("cancel_oldest", "cancelled", "queued"),
    ],
)
def test_a_workflow_may_limit_its_runs(limit: str, first: str, second: str) -> None:
    limits = {"executions": 1, "limit": limit}
    address = make_address(definition=document(step("a"), limits=limits))
    for message in ("msg_1", "msg_2"):
        deliver(address, standard(address, delivery_id=message))
    with scope.tenant(address.tenant.id):
        runs = Execution.objects.order_by("id").values_list("status", "held")
        assert list(runs) == [(first, False), (second, limit == "queue")]


def test_the_run_sees_the_request() -> None:
    address = make_address()
    headers = {**standard(address), "content-type": "application/json", "x-shop": "north"}
    receive(address.token, headers, {"page": "2", "tag": ["a", "b"]}, BODY)
    with scope.tenant(address.tenant.id):
        trigger = Execution.objects.get().trigger
    assert trigger["kind"] == "webhook"
    assert trigger["body"] == {"order_id": "1001"}
    assert trigger["query"] == {"page": "2", "tag": ["a", "b"]}
    assert trigger["headers"]["x-shop"] == "north"


@pytest.mark.parametrize("name", ["authorization", "cookie", "proxy-authorization", "x-api-key"])
def test_credentials_in_headers_are_never_stored(name: str) -> None:
    address = make_address()
    deliver(address, {**standard(address), name: "open-sesame"})
    with scope.tenant(address.tenant.id):
        headers, trigger = Delivery.objects.get().headers, Execution.objects.get().trigger
    assert headers[name] == trigger["headers"][name] == "[masked]"
    assert "open-sesame" not in json.dumps([headers, trigger])


def test_a_body_that_does_not_fit_the_input_schema_leaves_nothing() -> None:
    address = make_address(definition=STRICT)
    body = b'{"order": 1}'
    assert refusal_of(address, standard(address, body), body) == 422
    assert senders.stored() == NOTHING


def test_what_was_refused_can_be_sent_again() -> None:
    address = make_address(definition=STRICT)
    body = b'{"order": 1}'
    refusal_of(address, standard(address, body), body)
    assert not deliver(address, standard(address)).duplicate
    assert senders.stored() == ONE_RUN


# --- Which endpoint ----------------------------------------------------------------------------


def test_an_unknown_token_is_not_found() -> None:
    address = make_address()
    with pytest.raises(Problem) as refused:
        receive("unknown", standard(address), {}, BODY)
    assert refused.value.status == 404


def test_a_disabled_endpoint_is_not_found_and_works_again_once_enabled() -> None:
    address = make_address()
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        services.change(endpoint=endpoint, enabled=False)
    assert refusal_of(address, standard(address)) == 404
    with scope.tenant(address.tenant.id):
        services.change(endpoint=endpoint, enabled=True)
    assert not deliver(address, standard(address)).duplicate


def test_a_workflow_that_was_never_published_takes_nothing() -> None:
    address = make_address(workflow=factories.make_draft(factories.make_tenant()))
    assert refusal_of(address, standard(address)) == 409
    assert senders.stored() == NOTHING


def test_an_archived_workflow_takes_nothing() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    address = make_address(workflow=workflow)
    with scope.tenant(address.tenant.id):
        workflows.archive(workflow=workflow)
    assert refusal_of(address, standard(address)) == 409
    assert senders.stored() == NOTHING


def test_a_stranger_learns_nothing_of_what_is_published() -> None:
    """Who has no signature is told so first."""
    address = make_address(workflow=factories.make_draft(factories.make_tenant()))
    assert refusal_of(address, {}) == 401


def test_a_refusal_keeps_nothing_of_the_refusals_before() -> None:
    """An exception that is raised twice holds the frames, and so the bodies, of both."""
    address = make_address()
    depths = []
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            deliver(address, {})
        depths.append(len(refused.traceback))
    assert depths[0] == depths[1]


# --- Duplicates --------------------------------------------------------------------------------


def test_a_second_delivery_of_the_same_id_starts_nothing() -> None:
    address = make_address()
    first = deliver(address, standard(address))
    again = deliver(address, standard(address, age=timedelta(seconds=2)))
    assert again.duplicate
    assert (again.delivery_id, again.execution_id) == (first.delivery_id, first.execution_id)
    assert senders.stored() == ONE_RUN


def test_a_duplicate_is_known_even_if_the_workflow_is_archived_meanwhile() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    address = make_address(workflow=workflow)
    first = deliver(address, standard(address))
    with scope.tenant(address.tenant.id):
        workflows.archive(workflow=workflow)
    assert deliver(address, standard(address)).execution_id == first.execution_id


def test_identical_requests_at_once_start_one_run() -> None:
    address = make_address()
    headers = standard(address)
    received = driving.in_threads(8, lambda number: deliver(address, headers))
    assert [answer.duplicate for answer in received].count(False) == 1
    assert len({answer.delivery_id for answer in received}) == 1
    assert len({answer.execution_id for answer in received}) == 1
    assert senders.stored() == ONE_RUN


def test_different_deliveries_at_once_all_start_a_run() -> None:
    address = make_address()
    signed = [standard(address, delivery_id=f"msg_{number}") for number in range(8)]
    received = driving.in_threads(8, lambda number: deliver(address, signed[number]))
    assert not any(answer.duplicate for answer in received)
    assert senders.stored() == Stored(deliveries=8, executions=8, events=8)


def test_ids_that_differ_in_their_last_character_are_two_deliveries() -> None:
    address = make_address()
    ids = ["m" * 254 + end for end in "ab"]
    received = [deliver(address, standard(address, delivery_id=ident)) for ident in ids]
    assert not any(answer.duplicate for answer in received)
    assert deliver(address, standard(address, delivery_id=ids[1])).duplicate


def test_the_same_id_at_two_endpoints_is_two_deliveries() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    addresses = [make_address(workflow=workflow) for _ in range(2)]
    received = [deliver(address, standard(address)) for address in addresses]
    assert not any(answer.duplicate for answer in received)


def test_github_is_deduplicated_by_its_delivery_id() -> None:
    address = make_address("github")
    one, other = (senders.github(address.secret, BODY, delivery_id=ident) for ident in "ab")
    assert not deliver(address, one).duplicate
    assert deliver(address, one).duplicate
    assert not deliver(address, other).duplicate


def test_without_an_id_the_same_body_and_signature_is_a_duplicate() -> None:
    address = make_address("generic")
    bodies = b'{"n": 1}', b'{"n": 2}'
    answers = [
        deliver(address, senders.plain_hmac(address.secret, body), body)
        for body in (*bodies, *bodies)
    ]
    assert [answer.duplicate for answer in answers] == [False, False, True, True]


def test_a_header_beside_the_signature_does_not_make_it_another_delivery() -> None:
    address = make_address("generic")
    signed = senders.plain_hmac(address.secret, BODY)
    assert not deliver(address, signed).duplicate
    assert deliver(address, {**signed, "x-request-id": "2"}).duplicate


def test_unsigned_requests_are_never_taken_for_duplicates() -> None:
    address = make_address("none")
    assert not any(deliver(address, {}).duplicate for _ in range(3))
    assert senders.stored().executions == 3


# --- Secrets -----------------------------------------------------------------------------------


def rotate(address: Address) -> str:
    endpoint = address.endpoint()
    with scope.tenant(address.tenant.id):
        return services.rotate(endpoint=endpoint).secret


def test_after_a_rotation_both_secrets_are_good() -> None:
    address = make_address()
    fresh = rotate(address)
    assert fresh != address.secret
    deliver(address, standard(address, delivery_id="old"))
    deliver(address, standard(address, delivery_id="new", secret=fresh))


def test_the_old_secret_is_refused_once_its_time_is_over() -> None:
    address = make_address()
    fresh = rotate(address)
    with scope.tenant(address.tenant.id):
        Endpoint.objects.update(previous_expires_at=Now() - timedelta(seconds=1))
    assert refusal_of(address, standard(address)) == 401
    deliver(address, standard(address, secret=fresh))


def test_after_two_rotations_the_first_secret_is_refused() -> None:
    address = make_address()
    second = rotate(address)
    rotate(address)
    assert refusal_of(address, standard(address)) == 401
    deliver(address, standard(address, secret=second))


def test_a_secret_cannot_be_moved_to_another_endpoint() -> None:
    """Whoever can write to the table still cannot make an endpoint take a known secret."""
    workflow = factories.make_workflow(factories.make_tenant())
    victim, own = make_address(workflow=workflow), make_address(workflow=workflow)
    with scope.tenant(victim.tenant.id):
        sealed = Endpoint.objects.get(id=own.endpoint_id).sealed_secret
        Endpoint.objects.filter(id=victim.endpoint_id).update(sealed_secret=sealed)
    with pytest.raises(KeyRingError):
        deliver(victim, standard(victim, secret=own.secret))
    assert senders.stored() == NOTHING


def test_the_secret_of_another_endpoint_is_refused() -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    address, other = make_address(workflow=workflow), make_address(workflow=workflow)
    assert refusal_of(address, standard(address, secret=other.secret)) == 401
    assert senders.stored() == NOTHING
