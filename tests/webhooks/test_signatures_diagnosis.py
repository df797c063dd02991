"""What the listener of a test address is told of a request that was not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import signatures
from webhooks.signatures import GenericOptions, Message, Options

NOW = 1_792_411_200
BODY = b'{"order_id": "1001"}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token-of-gitlab"
TIMED = GenericOptions(
    header="X-Sig", prefix="v0=", timestamp_header="X-Time", template="{timestamp}.{body}"
)
SIGNED = sorted(set(signatures.SCHEMES) - {"none"})

Headers = dict[str, str]


def explained(
    headers: Headers,
    scheme: str = "standard-webhooks",
    options: Options | None = None,
    *,
    body: bytes = BODY,
    secret: str = SECRET,
) -> str:
    message = Message(headers, body, "https://stepwell.example/hooks/test/x/")
    verdict = signatures.verify(scheme, options, [secret], message, NOW)
    assert not verdict.ok
    return signatures.explain(scheme, options, verdict, message, NOW)


def signed(
    scheme: str = "standard-webhooks",
    options: Options | None = None,
    *,
    secret: str = SECRET,
    late: int = 0,
    body: bytes = BODY,
) -> Headers:
    message = Message({}, body, "https://stepwell.example/hooks/test/x/")
    return signatures.sign(
        scheme, options, secret, message, delivery_id="msg_1", timestamp=NOW - late
    )


@pytest.mark.parametrize(
    ("scheme", "options", "missing", "told"),
    [
        ("standard-webhooks", None, "webhook-signature", "webhook-signature with the signature"),
        ("standard-webhooks", None, "webhook-id", "webhook-id with the id of the delivery"),
        ("standard-webhooks", None, "webhook-timestamp", "webhook-timestamp with the time of"),
        ("github", None, "x-hub-signature-256", "x-hub-signature-256 with the signature"),
        ("slack", None, "x-slack-request-timestamp", "x-slack-request-timestamp with the time"),
        ("generic", TIMED, "x-sig", "x-sig with the signature"),
        ("generic", TIMED, "x-time", "x-time with the time of sending"),
    ],
)
def test_what_is_missing_is_named(
    scheme: str, options: Options | None, missing: str, told: str
) -> None:
    headers = signed(scheme, options)
    del headers[missing]
    assert f"The header {told}" in explained(headers, scheme, options)


@pytest.mark.parametrize(
    ("scheme", "change", "told"),
    [
        ("github", {"x-hub-signature-256": "sha1=00"}, "begins with 'sha256='"),
        ("stripe", {"stripe-signature": "v1=00"}, "The part t= of the header stripe-signature"),
        ("stripe", {"stripe-signature": "t=1,v0=00"}, "begins with 'v1='"),
        ("standard-webhooks", {"webhook-timestamp": "-1"}, "is no time as the scheme writes it"),
        ("standard-webhooks", {"webhook-timestamp": f"{NOW}000"}, "is no time as the scheme"),
        ("standard-webhooks", {"webhook-timestamp": "\u0967"}, "is no time as the scheme writes"),
    ],
)
def test_what_is_malformed_is_named(scheme: str, change: Headers, told: str) -> None:
    assert told in explained({**signed(scheme), **change}, scheme)


def test_a_time_that_the_body_should_have_is_named() -> None:
    assert "The field webhookTimestamp of the body" in explained(signed("linear"), "linear")


def test_gitlabs_token_is_told_from_its_signature() -> None:
    for headers, told in (
        ({"x-gitlab-token": "wrong"}, "x-gitlab-token is not the endpoint's secret"),
        ({}, "webhook-signature with the signature is missing"),
    ):
        assert told in explained(headers, "gitlab", secret=TOKEN)


@pytest.mark.parametrize(
    ("late", "told"), [(301, "301 seconds in the past"), (-400, "400 seconds in the future")]
)
def test_how_late_it_is_is_told(late: int, told: str) -> None:
    assert explained(signed(late=late)) == (
        f"The signature is right, but its time is {told}; 300 are allowed."
    )


def test_another_secret_and_another_body_cannot_be_told_apart() -> None:
    other = signed(secret=signatures.new_secret("standard-webhooks"))
    assert "made with another secret, or what was signed is not what was sent" in explained(other)


@pytest.mark.parametrize("scheme", SIGNED)
def test_every_scheme_has_a_sentence_for_a_request_without_anything(scheme: str) -> None:
    assert explained({}, scheme, body=b"").endswith(" is missing.")


@given(
    st.sampled_from(SIGNED),
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "stripe-signature",
                "x-gitlab-token",
                "x-zendesk-webhook-signature-timestamp",
            ]
        ),
        st.text(max_size=40),
    ),
)
def test_for_any_headers_there_is_a_sentence(scheme: str, headers: Headers) -> None:
    assert explained(headers, scheme).endswith(".")
