"""What is particular about each provider: published vectors, ids, rotations, first tries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace

import pytest
import stripe
import svix
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

from tests.webhooks import vendors
from tests.webhooks.vendors import BODY, NOW, TEXT, URL, WHSEC, Request
from webhooks import signatures
from webhooks.signatures import Message, Verdict


def sign(scheme: str, secret: str, message: Message) -> dict[str, str]:
    now = int(time.time())
    return signatures.sign(scheme, None, secret, message, delivery_id="msg_1", timestamp=now)


# --- Published vectors -------------------------------------------------------------------------


def test_githubs_published_vector_is_accepted() -> None:
    headers = {
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    request = Request("github", "It's a Secret to Everybody", headers, b"Hello, World!")
    assert request.judge() == Verdict(True, "ok", "72d3162e-cc78-11e3-81ab-4c9367dc0958")


@pytest.mark.parametrize("family", ["webhook", "svix"])
@pytest.mark.parametrize("scheme", ["standard-webhooks", "gitlab"])
def test_the_published_standard_webhooks_vector_is_accepted(scheme: str, family: str) -> None:
    headers = {
        f"{family}-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        f"{family}-timestamp": "1614265330",
        f"{family}-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    request = Request(scheme, WHSEC, headers, b'{"test": 2432232314}')
    assert request.judge(1614265330) == Verdict(True, "ok", "msg_p5jXN8AQM9LWM0D4loKWxJek")


def test_slacks_published_vector_is_accepted() -> None:
    """A slash command: a form, so without an event's id."""
    headers = {
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "x-slack-request-timestamp": "1531420618",
    }
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert Request("slack", TEXT, headers, body).judge(1531420618) == Verdict(True, "ok", None)


def test_twilios_published_vector_is_accepted() -> None:
    headers = {
        "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "content-type": vendors.FORM_TYPE,
    }
    body = (
        b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234"
        b"&From=%2B14158675309&To=%2B18005551212"
    )
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert Request("twilio", "12345", headers, body, url).judge().ok


# --- The providers' libraries accept what is signed here ---------------------------------------


def test_the_standard_webhooks_library_accepts_what_is_signed_here() -> None:
    headers = sign("standard-webhooks", WHSEC, Message({}, BODY))
    assert Webhook(WHSEC).verify(BODY, headers) == json.loads(BODY)


def test_svix_accepts_what_is_signed_here() -> None:
    headers = sign("standard-webhooks", WHSEC, Message({}, BODY))
    svix.Webhook(WHSEC).verify(BODY, headers)


def test_stripe_accepts_what_is_signed_here() -> None:
    header = sign("stripe", TEXT, Message({}, BODY))["stripe-signature"]
    assert stripe.WebhookSignature.verify_header(BODY.decode(), header, TEXT, tolerance=300)


def test_slack_accepts_what_is_signed_here() -> None:
    assert SignatureVerifier(TEXT).is_valid_request(BODY, sign("slack", TEXT, Message({}, BODY)))


@pytest.mark.parametrize("url", [URL, f"{URL}?a=b%20c&d", "http://127.0.0.1:8000/hooks/abc/"])
def test_twilio_accepts_what_is_signed_here(url: str) -> None:
    message = Message({"content-type": vendors.FORM_TYPE}, b"b=2&a=1+1&c=&a=0", url)
    header = sign("twilio", TEXT, message)["x-twilio-signature"]
    form = {"a": ["1 1", "0"], "b": ["2"], "c": [""]}

    class Form(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    assert RequestValidator(TEXT).validate(url, Form(form), header)


# --- GitLab ------------------------------------------------------------------------------------


def test_gitlabs_signing_token_is_never_taken_as_a_plain_one() -> None:
    """Who can make GitLab send the plain header must not get past the signature."""
    request = Request("gitlab", WHSEC, {"x-gitlab-token": WHSEC})
    assert request.judge().reason == "bad_signature"


def test_gitlab_may_go_over_from_the_token_to_the_signature() -> None:
    both = (WHSEC, TEXT)
    assert vendors.gitlab_token().judge(secrets=both).ok
    assert vendors.gitlab().judge(secrets=both).ok


def test_a_stale_gitlab_signature_stays_so_beside_a_token() -> None:
    assert vendors.gitlab().judge(NOW + 301, secrets=(WHSEC, TEXT)).reason == "stale"


@pytest.mark.parametrize("token", ["", " ", TEXT[:-1], TEXT + "x", TEXT.upper(), "\xff", "\u20ac"])
def test_another_gitlab_token_is_refused(token: str) -> None:
    assert not vendors.gitlab_token().with_header("x-gitlab-token", token).judge().ok


def test_a_gitlab_token_beyond_ascii_is_compared_as_utf_8() -> None:
    secret = "sesam-öffne-dich"
    headers = {"x-gitlab-token": secret.encode().decode("latin-1")}
    assert Request("gitlab", secret, headers).judge() == Verdict(True, "ok", None)


# --- Stripe ------------------------------------------------------------------------------------


def test_stripe_may_sign_with_several_secrets() -> None:
    request = vendors.stripe()
    time_, right = request.headers["stripe-signature"].split(",")
    header = f"{time_},v1={'0' * 64},{right},v0={'1' * 64}"
    assert request.with_header("stripe-signature", header).judge().ok


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        "t=",
        ",",
        "=",
        "v1={right}",
        "t={now}",
        "t={now},v0={right}",
        "t={now},t={now},v1={right}",
        "t={now}, v1={right}",
        "t={now},V1={right}",
        "t={now},v1={right}=",
        "t={now},v1={upper}",
        "T={now},v1={right}",
        "t=+{now},v1={right}",
        "t=0{now},v1={right}",
    ],
)
def test_a_malformed_stripe_header_is_refused(header: str) -> None:
    request = vendors.stripe()
    right = request.headers["stripe-signature"].partition("v1=")[2]
    value = header.format(now=NOW, right=right, upper=right.upper())
    assert request.with_header("stripe-signature", value).judge().reason == "bad_signature"


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"id":{}}', b'{"id":true}', b"[" * 9999])
def test_a_stripe_event_without_an_id_is_left_to_the_receiver(body: bytes) -> None:
    assert vendors.stripe(body).judge() == Verdict(True, "ok", None)


@pytest.mark.parametrize("ident", ["", "a b", "\u20ac", "\x00", "\ud800", "x" * 256])
def test_an_id_that_cannot_be_stored_is_refused_in_a_body_too(ident: str) -> None:
    body = json.dumps({"id": ident}).encode()
    assert vendors.stripe(body).judge().reason == "bad_signature"


# --- Slack -------------------------------------------------------------------------------------


def challenge(**values: object) -> bytes:
    return json.dumps({"token": "old", "type": "url_verification", **values}).encode()


def test_slacks_first_try_is_a_challenge() -> None:
    assert vendors.slack(challenge(challenge="3eZb")).judge() == Verdict(True, "ok", None, "3eZb")


def test_a_challenge_that_is_not_signed_is_not_answered() -> None:
    request = replace(vendors.slack(), body=challenge(challenge="3eZb"))
    assert request.judge() == Verdict(False, "bad_signature")


def test_a_challenge_of_another_time_is_not_answered() -> None:
    request = vendors.slack(challenge(challenge="3eZb"))
    assert request.judge(NOW + 301) == Verdict(False, "stale")


@pytest.mark.parametrize(
    "value", [None, [], {}, True, "", "a b", "<b>\n", "\u20ac", "x" * 256, "\ud800"]
)
def test_a_challenge_that_cannot_be_answered_is_refused(value: object) -> None:
    request = vendors.slack(challenge(challenge=value))
    assert request.judge().reason == "bad_signature"


def test_an_event_that_has_a_challenge_is_an_event() -> None:
    body = b'{"type":"event_callback","event_id":"Ev1","challenge":"3eZb"}'
    assert vendors.slack(body).judge() == Verdict(True, "ok", "Ev1", None)


@pytest.mark.parametrize("scheme", sorted(signatures.SCHEMES.keys() - {"slack"}))
def test_no_other_scheme_answers_challenges(scheme: str) -> None:
    message = Message({}, challenge(challenge="3eZb", webhookTimestamp=NOW * 1000), URL)
    digest = hashlib.sha256(message.body).hexdigest()
    message = replace(message, url=f"{URL}?bodySHA256={digest}")
    headers = signatures.sign(scheme, None, WHSEC, message, delivery_id="1", timestamp=NOW)
    verdict = signatures.verify(scheme, None, [WHSEC], replace(message, headers=headers), NOW)
    assert (verdict.ok, verdict.challenge) == (True, None)


# --- Zendesk and Linear: times of their own ----------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("2026-10-19T12:00:00Z", "ok"),
        ("2026-10-19T12:00:00.5Z", "ok"),
        ("2026-10-19T12:00:00.123456Z", "ok"),
        ("2026-10-19T11:54:59Z", "stale"),
        ("2026-10-19T12:05:01Z", "stale"),
        ("0001-01-01T00:00:00Z", "stale"),
        ("9999-12-31T23:59:59Z", "stale"),
        ("2026-10-19T12:00:00", "bad_signature"),
        ("2026-10-19T12:00:00+00:00", "bad_signature"),
        ("2026-10-19 12:00:00Z", "bad_signature"),
        ("2026-13-19T12:00:00Z", "bad_signature"),
        ("2026-02-30T12:00:00Z", "bad_signature"),
        ("0000-01-01T00:00:00Z", "bad_signature"),
        ("1792411200", "bad_signature"),
    ],
)
def test_zendesk_writes_its_time_as_a_date(sent: str, reason: str) -> None:
    digest = hmac.digest(TEXT.encode(), sent.encode() + BODY, "sha256")
    headers = {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": sent,
    }
    assert Request("zendesk", TEXT, headers).judge().reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (NOW * 1000, "ok"),
        (NOW * 1000 - 60_000, "ok"),
        (NOW * 1000 + 60_001, "stale"),
        (NOW * 1000 - 60_001, "stale"),
        (NOW, "stale"),
        (0, "stale"),
        (-NOW * 1000, "bad_signature"),
        (float(NOW * 1000), "bad_signature"),
        (10**15, "bad_signature"),
        (10**400, "bad_signature"),
        (True, "bad_signature"),
        (None, "bad_signature"),
        ([], "bad_signature"),
        ("soon", "bad_signature"),
    ],
)
def test_linear_writes_its_time_into_the_body(value: object, reason: str) -> None:
    body = json.dumps({"webhookTimestamp": value}).encode()
    assert vendors.linear(body).judge().reason == reason


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"no json", b"\xff", b"[" * 9999])
def test_a_linear_body_without_a_time_is_refused(body: bytes) -> None:
    headers = {"linear-signature": vendors.hexed(TEXT, body)}
    assert Request("linear", TEXT, headers, body).judge().reason == "bad_signature"
