"""Each provider's requests through the product's front door, signed now and for this address."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tenants import scope
from tests.webhooks import senders, vendors
from tests.webhooks.listeners import Listener, listen
from tests.webhooks.senders import NOTHING, Address, make_address
from tests.webhooks.vendors import TEXT
from webhooks import signatures
from webhooks.models import Delivery
from webhooks.signatures import Message
from workflows.models import Workflow

pytestmark = pytest.mark.usefixtures("committed_db")

SECRETS = {
    **dict.fromkeys(signatures.SCHEMES, TEXT),
    "standard-webhooks": vendors.WHSEC,
    "gitlab": vendors.WHSEC,
    "stripe": "whsec_stripes_own_32_characters_long",
}
UNCHANGED_IN_BODY = {"stripe": "id:evt_1", "slack": "id:Ev1", "pagerduty": "id:P1"}


def body_now() -> bytes:
    """What all providers find their own ids and times in."""
    ids = {"id": "evt_1", "event_id": "Ev1", "event": {"id": "P1"}}
    return json.dumps({**ids, "webhookTimestamp": int(time.time() * 1000)}).encode()


def query_for(body: bytes) -> str:
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"


def signed(address: Address, scheme: str, body: bytes, query: str = "") -> dict[str, str]:
    url = f"{settings.PUBLIC_URL}{address.path}" + (f"?{query}" if query else "")
    now = int(time.time())
    return signatures.sign(
        scheme, None, address.secret, Message({}, body, url), delivery_id="d-1", timestamp=now
    )


def post(
    address: Address, body: bytes, headers: dict[str, str], query: str = "", **more: Any
) -> Any:
    path = f"{address.path}?{query}" if query else address.path
    kind = more.pop("content_type", "application/json")
    return Client().post(path, body, content_type=kind, headers=headers, **more)


@pytest.mark.parametrize("scheme", sorted(signatures.SCHEMES.keys() - {"none"}))
def test_a_providers_event_starts_a_run_once(scheme: str) -> None:
    address = make_address(scheme, secret=SECRETS[scheme])
    body = body_now()
    query = query_for(body)
    headers = signed(address, scheme, body, query)
    first, again = (post(address, body, headers, query) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["execution_id"] == again.json()["execution_id"]
    assert senders.stored().executions == 1


@pytest.mark.parametrize(("scheme", "key"), UNCHANGED_IN_BODY.items())
def test_the_id_that_is_signed_is_the_one_that_counts(scheme: str, key: str) -> None:
    address = make_address(scheme, secret=SECRETS[scheme])
    body = body_now()
    post(address, body, signed(address, scheme, body))
    with scope.tenant(address.tenant.id):
        assert Delivery.objects.get().dedupe_key == key


# --- The public address ------------------------------------------------------------------------


def test_the_address_is_our_own_whatever_the_host_header_says() -> None:
    address = make_address("twilio", secret=TEXT)
    body = body_now()
    query = query_for(body)
    right = signed(address, "twilio", body, query)
    for named in ({"host": "localhost"}, {"x-forwarded-host": "localhost"}):
        assert post(address, body, {**right, **named}, query).status_code in (200, 202)
    other = Message({}, body, f"http://localhost{address.path}?{query}")
    wrong = signatures.sign("twilio", None, TEXT, other, delivery_id="1", timestamp=0)
    assert post(address, body, {**wrong, "host": "localhost"}, query).status_code == 401


@pytest.mark.parametrize("query", ["", "a=1", "a=%20b&c=d+e&%2f", "a=1&a=1&", "=&&="])
def test_a_twilio_form_is_signed_with_the_query_as_it_was_sent(query: str) -> None:
    address = make_address("twilio", secret=TEXT)
    url = f"{settings.PUBLIC_URL}{address.path}" + (f"?{query}" if query else "")
    request = vendors.twilio(signed_url=url)
    kind = {"content_type": vendors.FORM_TYPE}
    assert post(address, request.body, request.headers, query, **kind).status_code != 401
    assert post(address, request.body, request.headers, "b=2", **kind).status_code == 401


# --- Slack's first try -------------------------------------------------------------------------

TRY = json.dumps({"token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV", "type": "url_verification"})


def test_slacks_first_try_is_answered_and_starts_nothing() -> None:
    address = make_address("slack", secret=TEXT)
    for _ in range(2):
        answer = post(address, TRY.encode(), signed(address, "slack", TRY.encode()))
        assert (answer.status_code, answer.content) == (200, b"3eZbrw1aBm2rZgRNFdxV")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert senders.stored() == NOTHING


def test_a_try_that_slack_did_not_sign_is_refused_like_everything_else() -> None:
    address = make_address("slack", secret=TEXT)
    answer = post(address, TRY.encode(), {})
    assert (answer.status_code, b"3eZb" in answer.content) == (401, False)


@pytest.mark.parametrize("scheme", ["none", "github"])
def test_nobody_else_gets_back_what_they_sent(scheme: str) -> None:
    address = make_address(scheme, secret=None if scheme == "none" else TEXT)
    body = TRY.encode()
    answer = post(address, body, signed(address, scheme, body))
    assert (answer.status_code, b"3eZb" in answer.content) == (202, False)


# --- At a test address -------------------------------------------------------------------------


def listening(scheme: str) -> Listener:
    """At a test address that takes the scheme and the secret of an endpoint."""
    address = make_address(scheme, secret=SECRETS[scheme])
    with scope.tenant(address.tenant.id):
        workflow = Workflow.objects.get()
    return listen(workflow, address.endpoint_id, address.secret)


@pytest.mark.parametrize("scheme", sorted(signatures.SCHEMES.keys() - {"none"}))
def test_a_providers_event_is_believed_at_a_test_address(scheme: str) -> None:
    listener = listening(scheme)
    body = body_now()
    query = query_for(body)
    headers = signed(listener.address, scheme, body, query)
    assert post(listener.address, body, headers, query).status_code == 202
    assert [run.test for run in listener.runs()] == [True]


def test_slacks_first_try_is_answered_at_a_test_address_and_shown() -> None:
    listener = listening("slack")
    headers = signed(listener.address, "slack", TRY.encode())
    answer = post(listener.address, TRY.encode(), headers)
    assert (answer.status_code, answer.content) == (200, b"3eZbrw1aBm2rZgRNFdxV")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    [shown] = listener.came()
    assert (shown.status, shown.execution_id) == (200, None)
    assert "only tries the address" in shown.reason
    assert listener.runs() == []


# --- Secrets -----------------------------------------------------------------------------------


def test_gitlabs_plain_token_is_not_stored() -> None:
    address = make_address("gitlab", secret=TEXT)
    body = body_now()
    answer = post(address, body, signed(address, "gitlab", body))
    assert answer.status_code == 202
    with scope.tenant(address.tenant.id):
        assert Delivery.objects.get().headers["x-gitlab-token"] == "[masked]"


@pytest.mark.parametrize("key", ["", "whsec_", "\0"])
def test_nothing_is_accepted_while_a_secret_is_awaited(key: str) -> None:
    address = make_address("stripe", secret="")
    now = int(time.time())
    body = body_now()
    digest = vendors.hexed(key, f"{now}.".encode() + body)
    answer = post(address, body, {"stripe-signature": f"t={now},v1={digest}"})
    assert (answer.status_code, senders.stored()) == (401, NOTHING)
