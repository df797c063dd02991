"""Whatever is sent: never an exception, never a 500, never a second kind of refusal."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tests import factories
from tests.webhooks import malformed
from tests.webhooks.senders import Address, make_address
from tests.webhooks.vendors import NOW, REQUESTS, Request
from webhooks import signatures

SEED = 1_614_265_330
PER_REQUEST = -(-100_000 // len(REQUESTS))
THROUGH_THE_DOOR = -(-2_000 // len(REQUESTS))


@pytest.mark.parametrize("name", REQUESTS)
def test_no_malformed_request_raises(name: str) -> None:
    """A hundred thousand, over all schemes. Both refusals and acceptances must be among them."""
    random, reasons = Random(f"{SEED}{name}"), Counter[str]()
    for _ in range(PER_REQUEST):
        request = malformed.make(random, REQUESTS[name])
        verdict = request.judge()
        reasons[verdict.reason] += 1
        assert verdict.ok == (verdict.reason == "ok")
        assert verdict.delivery_id is None or verdict.delivery_id.isascii()
    assert reasons["bad_signature"] > PER_REQUEST // 10
    assert reasons["ok"] > PER_REQUEST // 100


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_that_was_changed_after_it_was_signed_starts_nothing(name: str) -> None:
    """It is refused, or the same delivery again: nothing of Twilio's tells a form's names from
    its values."""
    genuine, random = REQUESTS[name], Random(SEED)
    is_form = name in ("twilio", "twilio-sha256")
    for _ in range(500):
        request = malformed.with_odd_body(random, genuine)
        if request.body != genuine.body and genuine.covers_body:
            verdict = request.judge()
            again = is_form and verdict.ok and verdict.delivery_id == genuine.delivery_id
            assert again or verdict.reason == "bad_signature"


@pytest.mark.parametrize("scheme", [*signatures.SCHEMES, "unknown"])
def test_no_secret_raises(scheme: str) -> None:
    random = Random(SEED)
    secrets = ["", "whsec_", "whsec_*", "whsec_é", "\ud800", "\x00", "é" * 20, "=" * 50, "whsec_A"]
    for request in REQUESTS.values():
        odd = malformed.make(random, request)
        verdict = signatures.verify(scheme, None, secrets, odd.message, NOW)
        assert verdict.ok == (scheme == "none")


# --- Through the view --------------------------------------------------------------------------

CLIENT = Client(raise_request_exception=False)


def send(address: Address, request: Request) -> Any:
    query = quote(request.url.partition("?")[2], safe="=&%", encoding="latin-1", errors="replace")
    headers = {name: value for name, value in request.headers.items() if name != "content-type"}
    return CLIENT.generic(
        "POST",
        address.path,
        request.body,
        content_type=request.headers.get("content-type", "application/json"),
        headers=headers,
        QUERY_STRING=query,
    )


def test_two_thousand_malformed_requests_get_one_refusal_and_no_fault(committed_db: None) -> None:
    workflow = factories.make_workflow(factories.make_tenant())
    random, statuses, refusals = Random(SEED), Counter[int](), set[bytes]()
    for genuine in REQUESTS.values():
        options = genuine.options.model_dump() if genuine.options else None
        address = make_address(genuine.scheme, options, genuine.secret, workflow=workflow)
        for _ in range(THROUGH_THE_DOOR):
            answer = send(address, malformed.make(random, genuine))
            statuses[answer.status_code] += 1
            if answer.status_code == 401:
                refusals.add(answer.content)
    assert max(statuses) < 500, statuses
    assert len(refusals) == 1
    assert statuses[401] > 1000
