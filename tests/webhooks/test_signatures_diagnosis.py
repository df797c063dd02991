"""What the listener of a test address is told of a request that was not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import signatures
from webhooks.signatures import GenericOptions

NOW = 1_792_411_200
BODY = b'{"order_id": "1001"}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMED = GenericOptions(
    header="X-Sig", prefix="v0=", timestamp_header="X-Time", template="{timestamp}.{body}"
)

Headers = dict[str, str]


def explained(
    headers: Headers, scheme: str = "standard-webhooks", options: GenericOptions | None = None
) -> str:
    verdict = signatures.verify(scheme, options, [SECRET], headers, BODY, NOW)
    assert not verdict.ok
    return signatures.explain(scheme, options, verdict, headers, NOW)


def signed(
    scheme: str = "standard-webhooks",
    options: GenericOptions | None = None,
    *,
    secret: str = SECRET,
    late: int = 0,
) -> Headers:
    return signatures.sign(scheme, options, secret, BODY, delivery_id="msg_1", timestamp=NOW - late)


@pytest.mark.parametrize(
    ("scheme", "options", "missing", "told"),
    [
        ("standard-webhooks", None, "webhook-signature", "webhook-signature with the signature"),
        ("standard-webhooks", None, "webhook-id", "webhook-id with the id of the delivery"),
        ("standard-webhooks", None, "webhook-timestamp", "webhook-timestamp with the time of"),
        ("github", None, "x-hub-signature-256", "x-hub-signature-256 with the signature"),
        ("generic", TIMED, "x-sig", "x-sig with the signature"),
        ("generic", TIMED, "x-time", "x-time with the time of sending"),
    ],
)
def test_what_is_missing_is_named(
    scheme: str, options: GenericOptions | None, missing: str, told: str
) -> None:
    headers = signed(scheme, options)
    del headers[missing]
    assert f"The header {told}" in explained(headers, scheme, options)


@pytest.mark.parametrize(
    ("scheme", "change", "told"),
    [
        ("github", {"x-hub-signature-256": "sha1=00"}, "does not begin with 'sha256='"),
        ("standard-webhooks", {"webhook-timestamp": "-1"}, "is no time in Unix seconds"),
        ("standard-webhooks", {"webhook-timestamp": f"{NOW}000"}, "is no time in Unix seconds"),
        ("standard-webhooks", {"webhook-timestamp": "\u0967"}, "is no time in Unix seconds"),
    ],
)
def test_what_is_malformed_is_named(scheme: str, change: Headers, told: str) -> None:
    assert told in explained({**signed(scheme), **change}, scheme)


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


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "x-other"]),
        st.text(max_size=40),
    )
)
def test_for_any_headers_there_is_a_sentence(headers: Headers) -> None:
    assert explained(headers).endswith(".")
