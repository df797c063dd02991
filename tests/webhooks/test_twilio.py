"""Twilio: the address and the parameters are signed, by an algorithm that the endpoint names."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from tests.webhooks import vendors
from tests.webhooks.vendors import BODY, FORM, TEXT, URL, Request
from webhooks.signatures import TwilioOptions, Verdict

SHA256 = TwilioOptions(algorithm="sha256")


@pytest.mark.parametrize("configured", [None, TwilioOptions(), SHA256])
@pytest.mark.parametrize("used", [TwilioOptions(), SHA256])
def test_twilios_algorithm_is_the_endpoints_to_say(
    configured: TwilioOptions | None, used: TwilioOptions
) -> None:
    request = replace(vendors.twilio(options=used), options=configured)
    settings = f"key=webhooks_sharedkey_1,algorithm=HMAC_{used.algorithm.upper()}"
    request = request.with_header("x-twilio-webhooks-signature-settings", settings)
    assert request.judge().ok == ((configured or TwilioOptions()) == used)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("https://a.example/h/", "https://a.example:443/h/"),
        ("https://a.example:8443/h/", "https://a.example/h/"),
        ("http://a.example/h/", "http://a.example:80/h/"),
        ("http://[::1]:8000/h/?a", "http://[::1]/h/?a"),
    ],
)
def test_twilio_may_leave_the_port_in_or_out(ours: str, theirs: str) -> None:
    assert vendors.twilio(url=ours, signed_url=theirs).judge().ok


@pytest.mark.parametrize("body", [b"b=2&a=1", b"a=1&b=2&a=1", b"a=%31&b=2", b"a1&b2", b"a=1b2"])
def test_one_twilio_form_is_one_delivery_however_it_is_written(body: bytes) -> None:
    """So that nobody who has captured a request makes a second run of it."""
    request = vendors.twilio({"a": "1", "b": "2"})
    assert replace(request, body=body).judge() == Verdict(True, "ok", request.delivery_id)


def test_twilio_forms_may_say_anything() -> None:
    form = {"Body": "é € 😀 & = + % \x00", "Empty": "", "From": "+1"}
    assert vendors.twilio(form).judge().ok


def test_a_twilio_form_of_thousands_is_refused() -> None:
    form = {f"p{number}": "" for number in range(1001)}
    assert vendors.twilio(form).judge().reason == "bad_signature"


def test_a_twilio_body_that_is_no_form_needs_its_hash_in_the_address() -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    right = f"bodySHA256={digest}"
    for query, ok in [
        (right, True),
        (f"a=1&{right}", True),
        ("a=1", False),
        ("bodySHA256=", False),
        (f"{right}&{right}", False),
        (f"bodysha256={digest}", False),
        (right.upper(), False),
    ]:
        url = f"{URL}?{query}"
        signature = RequestValidator(TEXT).compute_signature(url, {})
        headers = {"x-twilio-signature": signature, "content-type": "application/json"}
        assert Request("twilio", TEXT, headers, BODY, url).judge().ok == ok, query


def test_a_captured_twilio_body_cannot_be_left_out() -> None:
    assert not replace(vendors.twilio_json(), body=b"").judge().ok


def test_a_twilio_request_without_a_body_is_covered_by_the_address() -> None:
    request = vendors.twilio({})
    headers = {"x-twilio-signature": request.headers["x-twilio-signature"]}
    assert replace(request, headers=headers).judge().ok


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", ""])
def test_a_captured_twilio_form_cannot_be_sent_as_something_else(content_type: str) -> None:
    assert not vendors.twilio(FORM).with_header("content-type", content_type).judge().ok


@pytest.mark.parametrize("url", ["", "hooks/abc/", "ftp://a.example/", "https://", "https:///x"])
def test_without_a_public_address_twilio_is_refused(url: str) -> None:
    assert replace(vendors.twilio(), url=url).judge().reason == "bad_signature"


def test_twilio_signs_with_no_other_algorithm() -> None:
    with pytest.raises(ValidationError, match="'sha1' or 'sha256'"):
        TwilioOptions.model_validate({"algorithm": "md5"})
