"""Every wrong signature gets one answer, and every right one another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.webhooks import senders
from tests.webhooks.posting import post, problem
from tests.webhooks.senders import BODY, NOTHING, make_address, standard

pytestmark = pytest.mark.usefixtures("committed_db")

REFUSED = b"The request's signature is missing, wrong or too old."
Change = Callable[[dict[str, str]], dict[str, str]]


def without(name: str) -> Change:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def with_(name: str, value: str) -> Change:
    return lambda headers: {**headers, name: value}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda headers: {}, id="no-headers"),
        pytest.param(without("webhook-id"), id="no-id"),
        pytest.param(without("webhook-timestamp"), id="no-time"),
        pytest.param(without("webhook-signature"), id="no-signature"),
        pytest.param(with_("webhook-id", "msg_2"), id="another-id"),
        pytest.param(with_("webhook-id", ""), id="empty-id"),
        pytest.param(with_("webhook-id", "m" * 5000), id="long-id"),
        pytest.param(with_("webhook-id", "msg\u00e9"), id="non-ascii-id"),
        pytest.param(with_("webhook-timestamp", "soon"), id="time-in-words"),
        pytest.param(with_("webhook-timestamp", "-1"), id="negative-time"),
        pytest.param(with_("webhook-timestamp", "9" * 400), id="endless-time"),
        pytest.param(with_("webhook-timestamp", "\u0661\u0662"), id="arabic-digits"),
        pytest.param(with_("webhook-signature", ""), id="empty-signature"),
        pytest.param(with_("webhook-signature", "v1"), id="version-only"),
        pytest.param(with_("webhook-signature", "v1,"), id="nothing-behind-version"),
        pytest.param(with_("webhook-signature", "v1,a,b"), id="two-commas"),
        pytest.param(with_("webhook-signature", "v1,AAAA"), id="short"),
        pytest.param(with_("webhook-signature", "v2,AAAA"), id="another-version"),
        pytest.param(with_("webhook-signature", "v1,\u00e9\u00ff"), id="non-ascii"),
        pytest.param(with_("webhook-signature", "v1,\u0661"), id="not-even-latin-1"),
        pytest.param(with_("webhook-signature", "v1,x " * 2000), id="thousands"),
    ],
)
def test_a_signature_that_is_wrong_in_any_way_gets_the_same_answer(change: Change) -> None:
    address = make_address()
    response = post(address, headers=change(standard(address)))
    assert response.status_code == 401
    assert problem(response)["detail"].encode() == REFUSED
    assert senders.stored() == NOTHING


@pytest.mark.parametrize("minutes", [6, 60 * 24 * 365, -6, -60 * 24 * 365])
def test_an_old_or_future_request_gets_the_same_answer(minutes: int) -> None:
    address = make_address()
    response = post(address, headers=standard(address, age=timedelta(minutes=minutes)))
    assert response.status_code == 401
    assert problem(response)["detail"].encode() == REFUSED


@pytest.mark.parametrize("minutes", [4, -4])
def test_clocks_may_differ_by_some_minutes(minutes: int) -> None:
    address = make_address()
    headers = standard(address, age=timedelta(minutes=minutes))
    assert post(address, headers=headers).status_code == 202


def test_a_changed_body_is_refused() -> None:
    address = make_address()
    assert post(address, BODY + b" ", standard(address)).status_code == 401


def test_a_signature_among_others_is_found() -> None:
    """The library of a sender that rotates its own secret sends both."""
    address = make_address()
    signed = standard(address)
    headers = {**signed, "webhook-signature": f"v1a,zzz v1,AAAA {signed['webhook-signature']}"}
    assert post(address, headers=headers).status_code == 202


def test_svix_header_names_are_the_same_scheme() -> None:
    address = make_address()
    headers = {name.replace("webhook", "svix"): v for name, v in standard(address).items()}
    assert post(address, headers=headers).status_code == 202
