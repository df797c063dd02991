"""Secrets: which are made here, which only the provider can make, and which are refused."""

from __future__ import annotations

import pytest

from tests.webhooks.vendors import BODY, NOW, REQUESTS, TEXT, Request
from webhooks import signatures
from webhooks.signatures import Message

OURS = ["standard-webhooks", "github", "gitlab", "generic"]
PROVIDERS_OWN = ["stripe", "slack", "shopify", "zendesk", "pagerduty", "linear", "twilio"]
ALL = pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)


@pytest.mark.parametrize("scheme", OURS)
def test_new_secrets_differ_and_sign(scheme: str) -> None:
    first, second = signatures.new_secret(scheme), signatures.new_secret(scheme)
    message = Message({}, BODY)
    headers = signatures.sign(scheme, None, first, message, delivery_id="1", timestamp=NOW)
    request = Request(scheme, first, headers)
    assert request.judge().ok
    assert not request.judge(secrets=(second,)).ok


@pytest.mark.parametrize("scheme", PROVIDERS_OWN)
def test_a_secret_that_only_the_provider_can_choose_is_not_made_up(scheme: str) -> None:
    with pytest.raises(ValueError, match="(?i)^" + scheme + " chooses the secret itself"):
        signatures.new_secret(scheme)


def test_every_scheme_is_one_of_these() -> None:
    assert {*OURS, *PROVIDERS_OWN, "none"} == signatures.SCHEMES.keys()


@ALL
def test_the_providers_secret_may_be_given(request_: Request) -> None:
    signatures.check_secret(request_.scheme, request_.secret)


@pytest.mark.parametrize("scheme", PROVIDERS_OWN)
def test_no_secret_yet_is_right_where_the_provider_chooses_it(scheme: str) -> None:
    signatures.check_secret(scheme, "")


@pytest.mark.parametrize(
    ("scheme", "secret", "says"),
    [
        ("standard-webhooks", "", "24 bytes"),
        ("standard-webhooks", "whsec_" + "A" * 31, "24 bytes"),
        ("github", "", "16 characters"),
        ("generic", "x" * 15, "16 characters"),
        ("gitlab", "", "16 characters"),
        ("gitlab", "x" * 15, "16 characters"),
        ("gitlab", "whsec_short", "24 bytes"),
        ("slack", "x" * 15, "16 characters"),
        ("stripe", "sk_live_" + "x" * 24, "begins with 'whsec_'"),
    ],
)
def test_a_secret_without_the_schemes_form_is_refused(scheme: str, secret: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        signatures.check_secret(scheme, secret)


def test_signing_with_a_malformed_secret_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not have the form"):
        signatures.sign(
            "standard-webhooks",
            None,
            "whsec_not base64",
            Message({}, BODY),
            delivery_id="1",
            timestamp=NOW,
        )


def test_signing_with_an_unknown_scheme_names_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"standard-webhooks, github, gitlab, .*generic, none"):
        signatures.sign("rot13", None, TEXT, Message({}, BODY), delivery_id="1", timestamp=NOW)
