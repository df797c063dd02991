"""What each provider sends, signed by its own library where it has one, else by its documents."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import svix
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from stripe import WebhookSignature
from twilio.request_validator import RequestValidator

from webhooks import signatures
from webhooks.signatures import GenericOptions, Message, Options, TwilioOptions, Verdict

NOW = 1_792_411_200
ISO = "2026-10-19T12:00:00Z"
URL = "https://stepwell.example/hooks/abc/"
BODY = b'{"type":"user.created","data":{"id":"user_1"}}'
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEXT = "8f742231b10e8888abcd99yyyzzz85a5"
FORM = {"AccountSid": "AC1", "Body": "Hello you", "From": "15550001111", "MessageSid": "SM1"}
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """A request and the endpoint that it is for."""

    scheme: str
    secret: str
    headers: dict[str, str]
    body: bytes = BODY
    url: str = URL
    options: Options | None = None
    delivery_id: str | None = None
    signed: tuple[str, ...] = ()  # the headers that the signature covers, itself among them
    window: int | None = None  # seconds
    covers_body: bool = True
    plain: tuple[str, ...] = field(default=(), kw_only=True)  # the other headers that are read

    @property
    def message(self) -> Message:
        return Message(self.headers, self.body, self.url)

    def judge(self, now: float = NOW, secrets: tuple[str, ...] | None = None) -> Verdict:
        secrets = (self.secret,) if secrets is None else secrets
        return signatures.verify(self.scheme, self.options, secrets, self.message, now)

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers={**self.headers, name: value})


def standard_webhooks(body: bytes = BODY) -> Request:
    at = datetime.fromtimestamp(NOW, UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": Webhook(WHSEC).sign("msg_1", at, body.decode()),
    }
    return Request(
        "standard-webhooks",
        WHSEC,
        headers,
        body,
        delivery_id="msg_1",
        signed=tuple(headers),
        window=300,
    )


def svix_(body: bytes = BODY) -> Request:
    at = datetime.fromtimestamp(NOW, UTC)
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": str(NOW),
        "svix-signature": svix.Webhook(WHSEC).sign("msg_1", at, body.decode()),
    }
    return replace(standard_webhooks(body), headers=headers, signed=tuple(headers))


def github(body: bytes = BODY) -> Request:
    headers = {"x-hub-signature-256": f"sha256={hexed(TEXT, body)}", "x-github-delivery": "72d3"}
    signed = ("x-hub-signature-256",)
    return Request(
        "github",
        TEXT,
        headers,
        body,
        delivery_id="72d3",
        signed=signed,
        plain=("x-github-delivery",),
    )


def gitlab() -> Request:
    return replace(standard_webhooks(), scheme="gitlab")


def gitlab_token() -> Request:
    headers = {"x-gitlab-token": TEXT, "idempotency-key": "f5e5"}
    return Request(
        "gitlab",
        TEXT,
        headers,
        delivery_id="f5e5",
        signed=("x-gitlab-token",),
        covers_body=False,
        plain=("idempotency-key",),
    )


def stripe(body: bytes = b'{"id":"evt_1","object":"event"}') -> Request:
    secret = "whsec_stripes_own_32_characters_long"
    header = WebhookSignature.generate_signature_header(body.decode(), secret, NOW)
    return Request(
        "stripe",
        secret,
        {"stripe-signature": header},
        body,
        delivery_id="evt_1",
        signed=("stripe-signature",),
        window=300,
    )


def slack(body: bytes = b'{"type":"event_callback","event_id":"Ev1"}') -> Request:
    signature = SignatureVerifier(TEXT).generate_signature(timestamp=str(NOW), body=body)
    assert signature is not None
    headers = {"x-slack-request-timestamp": str(NOW), "x-slack-signature": signature}
    return Request(
        "slack", TEXT, headers, body, delivery_id="Ev1", signed=tuple(headers), window=300
    )


def shopify(prefix: str = "x-") -> Request:
    signature = base64.b64encode(hmac.digest(TEXT.encode(), BODY, "sha256")).decode()
    sent, ident = f"{prefix}shopify-hmac-sha256", f"{prefix}shopify-webhook-id"
    headers = {sent: signature, ident: "b54557e4"}
    return Request("shopify", TEXT, headers, delivery_id="b54557e4", signed=(sent,), plain=(ident,))


def zendesk() -> Request:
    digest = hmac.digest(TEXT.encode(), ISO.encode() + BODY, "sha256")
    headers = {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": ISO,
    }
    ident = {"x-zendesk-webhook-invocation-id": "8350205582"}
    return Request(
        "zendesk",
        TEXT,
        {**headers, **ident},
        delivery_id="8350205582",
        signed=tuple(headers),
        window=300,
        plain=tuple(ident),
    )


def pagerduty(body: bytes = b'{"event":{"id":"5ac64822","event_type":"pagey.ping"}}') -> Request:
    """While a secret is rotated PagerDuty signs with both, the other one first."""
    headers = {"x-pagerduty-signature": f"v1={hexed('other', body)},v1={hexed(TEXT, body)}"}
    return Request("pagerduty", TEXT, headers, body, delivery_id="5ac64822")


def pagerduty_alone() -> Request:
    body = pagerduty().body
    headers = {"x-pagerduty-signature": f"v1={hexed(TEXT, body)}"}
    return replace(pagerduty(), headers=headers, signed=tuple(headers))


def linear(body: bytes | None = None) -> Request:
    body = body or json.dumps({"action": "create", "webhookTimestamp": NOW * 1000}).encode()
    headers = {"linear-signature": hexed(TEXT, body), "linear-delivery": "234d1a4e"}
    return Request(
        "linear",
        TEXT,
        headers,
        body,
        delivery_id="234d1a4e",
        signed=("linear-signature",),
        window=60,
        plain=("linear-delivery",),
    )


def twilio(
    form: dict[str, str] = FORM,
    *,
    url: str = URL,
    signed_url: str = URL,
    options: TwilioOptions | None = None,
) -> Request:
    algorithm = f"HMAC_{options.algorithm.upper()}" if options else None
    signature = RequestValidator(TEXT).compute_signature(signed_url, form, algorithm)
    headers = {"x-twilio-signature": signature, "content-type": f"{FORM_TYPE}; charset=UTF-8"}
    body = urlencode(form).encode()
    return Request(
        "twilio",
        TEXT,
        headers,
        body,
        url,
        options,
        delivery_id=signature,
        signed=("x-twilio-signature",),
        plain=("content-type",),
    )


def twilio_json(body: bytes = BODY) -> Request:
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TEXT).compute_signature(url, {})
    headers = {"x-twilio-signature": signature, "content-type": "application/json"}
    return replace(twilio(), headers=headers, body=body, url=url, delivery_id=signature)


def generic_timed() -> Request:
    options = GenericOptions(
        header="X-Sig",
        prefix="v0=",
        timestamp_header="X-Time",
        template="v0:{timestamp}:{body}",
        delivery_id_header="X-Id",
    )
    headers = {"x-sig": f"v0={hexed(TEXT, f'v0:{NOW}:'.encode() + BODY)}", "x-time": str(NOW)}
    return Request(
        "generic",
        TEXT,
        {**headers, "x-id": "7"},
        options=options,
        delivery_id="7",
        signed=tuple(headers),
        window=300,
        plain=("x-id",),
    )


def generic_base64() -> Request:
    signature = base64.b64encode(hmac.digest(TEXT.encode(), BODY, "sha256")).decode()
    headers = {"x-signature": signature}
    options = GenericOptions(encoding="base64")
    return Request("generic", TEXT, headers, options=options, signed=tuple(headers))


def hexed(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


REQUESTS = {
    "standard-webhooks": standard_webhooks(),
    "svix": svix_(),
    "github": github(),
    "gitlab": gitlab(),
    "gitlab-token": gitlab_token(),
    "stripe": stripe(),
    "slack": slack(),
    "shopify": shopify(),
    "shopify-events": shopify(prefix=""),
    "zendesk": zendesk(),
    "pagerduty": pagerduty_alone(),
    "pagerduty-rotating": pagerduty(),
    "linear": linear(),
    "twilio": twilio(),
    "twilio-sha256": twilio(options=TwilioOptions(algorithm="sha256")),
    "twilio-json": twilio_json(),
    "generic-timed": generic_timed(),
    "generic-base64": generic_base64(),
}
