"""Published vectors, an independent signer, and every change that must break a signature."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook

from webhooks import signatures
from webhooks.signatures import GenericOptions, Verdict

NOW = 1_792_411_200
BODY = b'{"type":"user.created","data":{"id":"user_1"}}'
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMED = GenericOptions(
    header="X-Sig",
    prefix="v0=",
    timestamp_header="X-Time",
    template="v0:{timestamp}:{body}",
    delivery_id_header="X-Id",
)
CASES = [
    pytest.param("standard-webhooks", None, WHSEC, id="standard-webhooks"),
    pytest.param("github", None, "It's a Secret to Everybody", id="github"),
    pytest.param("generic", GenericOptions(encoding="base64"), "client-secret", id="body-base64"),
    pytest.param("generic", TIMED, "8f742231b10e8888abcd99yyyzzz85a5", id="timed-hex"),
]
SIGNED_SCHEMES = ["standard-webhooks", "github", "generic"]


def signed(scheme: str, options: GenericOptions | None, secret: str) -> dict[str, str]:
    return signatures.sign(scheme, options, secret, BODY, delivery_id="msg_1", timestamp=NOW)


def judge(
    scheme: str,
    options: GenericOptions | None,
    secret: str,
    headers: dict[str, str],
    body: bytes = BODY,
    now: float = NOW,
) -> Verdict:
    return signatures.verify(scheme, options, [secret], headers, body, now)


def flips(data: bytes) -> Iterator[bytes]:
    """Every value that differs from `data` in exactly one bit."""
    for index, byte in enumerate(data):
        for bit in range(8):
            yield data[:index] + bytes([byte ^ 1 << bit]) + data[index + 1 :]


def test_githubs_published_vector_is_accepted() -> None:
    headers = {
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    verdict = judge("github", None, "It's a Secret to Everybody", headers, b"Hello, World!")
    assert verdict == Verdict(True, "ok", "72d3162e-cc78-11e3-81ab-4c9367dc0958")


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_the_published_standard_webhooks_vector_is_accepted_in_both_spellings(family: str) -> None:
    headers = {
        f"{family}-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        f"{family}-timestamp": "1614265330",
        f"{family}-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    verdict = judge("standard-webhooks", None, WHSEC, headers, body, now=1614265330)
    assert verdict == Verdict(True, "ok", "msg_p5jXN8AQM9LWM0D4loKWxJek")


def test_slacks_published_vector_fits_the_generic_scheme() -> None:
    options = GenericOptions(
        header="X-Slack-Signature",
        prefix="v0=",
        timestamp_header="X-Slack-Request-Timestamp",
        template="v0:{timestamp}:{body}",
    )
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
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert judge("generic", options, secret, headers, body, now=1531420618).ok


@given(body=st.dictionaries(st.text(), st.integers()), number=st.integers(0, 2**64))
def test_requests_signed_by_the_reference_library_are_accepted(
    body: dict[str, int], number: int
) -> None:
    text = json.dumps(body)
    secret = signatures.new_secret("standard-webhooks")
    signature = Webhook(secret).sign(f"msg_{number}", datetime.fromtimestamp(NOW, UTC), text)
    headers = {
        "webhook-id": f"msg_{number}",
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature,
    }
    verdict = judge("standard-webhooks", None, secret, headers, text.encode())
    assert verdict == Verdict(True, "ok", f"msg_{number}")


def test_the_reference_library_accepts_what_we_sign() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signatures.sign(
        "standard-webhooks", None, WHSEC, BODY, delivery_id="msg_1", timestamp=now
    )
    assert Webhook(WHSEC).verify(BODY, headers) == json.loads(BODY)


@pytest.mark.parametrize(("scheme", "options", "secret"), CASES)
def test_what_is_signed_is_accepted(
    scheme: str, options: GenericOptions | None, secret: str
) -> None:
    assert judge(scheme, options, secret, signed(scheme, options, secret)).reason == "ok"


@pytest.mark.parametrize(("scheme", "options", "secret"), CASES)
def test_every_one_bit_change_of_the_body_is_refused(
    scheme: str, options: GenericOptions | None, secret: str
) -> None:
    headers = signed(scheme, options, secret)
    reasons = {judge(scheme, options, secret, headers, body).reason for body in flips(BODY)}
    assert reasons == {"bad_signature"}


@pytest.mark.parametrize(("scheme", "options", "secret"), CASES)
def test_every_one_bit_change_of_the_secret_is_refused(
    scheme: str, options: GenericOptions | None, secret: str
) -> None:
    headers = signed(scheme, options, secret)
    changed = [secret.decode("latin-1") for secret in flips(secret.encode())]
    assert {judge(scheme, options, s, headers).reason for s in changed} == {"bad_signature"}


@pytest.mark.parametrize(
    ("scheme", "options", "secret", "name"),
    [
        ("standard-webhooks", None, WHSEC, "webhook-signature"),
        ("standard-webhooks", None, WHSEC, "webhook-timestamp"),
        ("standard-webhooks", None, WHSEC, "webhook-id"),
        ("github", None, "secret", "x-hub-signature-256"),
        ("generic", TIMED, "secret", "x-sig"),
        ("generic", TIMED, "secret", "x-time"),
    ],
)
def test_every_one_bit_change_of_a_signed_header_is_refused(
    scheme: str, options: GenericOptions | None, secret: str, name: str
) -> None:
    headers = signed(scheme, options, secret)
    changed = [value.decode("latin-1") for value in flips(headers[name].encode())]
    reasons = {judge(scheme, options, secret, {**headers, name: c}).reason for c in changed}
    assert reasons == {"bad_signature"}


@pytest.mark.parametrize("offset", [-300, 300])
def test_a_timestamp_at_the_edge_of_the_tolerance_is_accepted(offset: int) -> None:
    headers = signed("standard-webhooks", None, WHSEC)
    assert judge("standard-webhooks", None, WHSEC, headers, now=NOW + offset).ok


@pytest.mark.parametrize("offset", [-301, 301, -(10**9), 10**9])
def test_a_right_signature_of_another_time_is_stale(offset: int) -> None:
    headers = signed("standard-webhooks", None, WHSEC)
    verdict = judge("standard-webhooks", None, WHSEC, headers, now=NOW + offset)
    assert verdict == Verdict(False, "stale", "msg_1")


def test_a_wrong_signature_of_another_time_is_a_bad_signature() -> None:
    headers = signed("standard-webhooks", None, WHSEC)
    verdict = judge("standard-webhooks", None, WHSEC, headers, b"{}", now=NOW + 301)
    assert verdict == Verdict(False, "bad_signature", None)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_active_secret_is_tried(position: int) -> None:
    secrets = [signatures.new_secret("standard-webhooks") for _ in range(3)]
    headers = signed("standard-webhooks", None, secrets[position])
    assert signatures.verify("standard-webhooks", None, secrets, headers, BODY, NOW).ok


def test_one_right_signature_among_others_is_enough() -> None:
    headers = signed("standard-webhooks", None, WHSEC)
    other = signed("standard-webhooks", None, signatures.new_secret("standard-webhooks"))
    several = f"v1a,ed25519 {other['webhook-signature']} {headers['webhook-signature']}"
    assert judge("standard-webhooks", None, WHSEC, {**headers, "webhook-signature": several}).ok


def test_a_signature_of_another_version_is_passed_over() -> None:
    headers = signed("standard-webhooks", None, WHSEC)
    asymmetric = headers["webhook-signature"].replace("v1,", "v1a,")
    verdict = judge("standard-webhooks", None, WHSEC, {**headers, "webhook-signature": asymmetric})
    assert verdict.reason == "bad_signature"


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["whsec_*"], ["whsec_A"], ["é\ud800"]])
def test_a_secret_without_a_key_accepts_nothing(secrets: list[str]) -> None:
    digest_of_empty_key = base64.b64encode(b"\0" * 32).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": f"v1,{digest_of_empty_key}",
    }
    verdict = signatures.verify("standard-webhooks", None, secrets, headers, BODY, NOW)
    assert verdict.reason == "bad_signature"


def test_an_empty_key_cannot_be_used_to_forge() -> None:
    forged = "sha256=" + hmac.digest(b"", BODY, "sha256").hex()
    headers = {"x-hub-signature-256": forged}
    assert judge("github", None, "", headers).reason == "bad_signature"


@pytest.mark.parametrize(
    "timestamp",
    ["", " ", "+1", "-1", "1_0", "1.0", "1e9", "nan", "inf", "0x10", "\u0661", "\u00b2", "9" * 13],
)
def test_a_timestamp_that_is_no_plain_number_is_a_bad_signature(timestamp: str) -> None:
    headers = signed("standard-webhooks", None, WHSEC) | {"webhook-timestamp": timestamp}
    assert judge("standard-webhooks", None, WHSEC, headers).reason == "bad_signature"


@pytest.mark.parametrize("delivery_id", ["", "a b", "a\x00", "caf\xe9", "\u20ac", "x" * 256])
def test_a_delivery_id_that_cannot_be_stored_is_a_bad_signature(delivery_id: str) -> None:
    headers = signed("github", None, "secret") | {"x-github-delivery": delivery_id}
    assert judge("github", None, "secret", headers).reason == "bad_signature"


def test_a_scheme_without_delivery_ids_leaves_them_to_the_receiver() -> None:
    headers = signed("generic", GenericOptions(), "secret")
    assert judge("generic", GenericOptions(), "secret", headers) == Verdict(True, "ok", None)


def test_the_scheme_none_accepts_everything() -> None:
    assert judge("none", None, "", {}) == Verdict(True, "ok", None)


def test_an_unknown_scheme_accepts_nothing() -> None:
    assert judge("rot13", None, "secret", {}).reason == "bad_signature"


@given(
    scheme=st.sampled_from([*signatures.SCHEMES, "unknown"]),
    secrets=st.lists(st.text() | st.from_regex(r"whsec_[A-Za-z0-9+/=]*", fullmatch=True)),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "svix-signature",
                "x-hub-signature-256",
                "x-github-delivery",
                "x-signature",
            ]
        ),
        st.text()
        | st.characters(codec=None, categories=["Cs"])
        | st.binary().map(lambda raw: raw.decode("latin-1"))
        | st.sampled_from(["v1,", "v1,a,b", "v1", " v1,é", "sha256=", "sha256=zz", str(NOW)]),
    ),
    body=st.binary(),
)
def test_no_request_raises(
    scheme: str, secrets: list[str], headers: dict[str, str], body: bytes
) -> None:
    verdict = signatures.verify(scheme, None, secrets, headers, body, NOW)
    assert verdict.ok == (scheme == "none")


@given(headers=st.dictionaries(st.sampled_from(["x-sig", "x-time", "x-id"]), st.text()))
def test_no_request_to_a_configured_scheme_raises(headers: dict[str, str]) -> None:
    assert judge("generic", TIMED, "secret", headers).reason == "bad_signature"


@pytest.mark.parametrize("scheme", SIGNED_SCHEMES)
def test_new_secrets_differ_and_sign(scheme: str) -> None:
    first, second = signatures.new_secret(scheme), signatures.new_secret(scheme)
    headers = signed(scheme, None, first)
    assert judge(scheme, None, first, headers).ok
    assert not judge(scheme, None, second, headers).ok


def test_signing_with_a_malformed_secret_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not have the form"):
        signed("standard-webhooks", None, "whsec_not base64")


def test_signing_with_an_unknown_scheme_names_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="standard-webhooks, github, generic, none"):
        signed("rot13", None, "secret")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"template": "{timestamp}.{body}"}, "timestamp_header must be set"),
        ({"template": "{id}.{body}"}, "delivery_id_header must be set"),
        ({"timestamp_header": "x-time"}, "the template must contain {timestamp}"),
        ({"template": "{timestamp}", "timestamp_header": "x-time"}, "{body} exactly once"),
        ({"template": "{body}{body}"}, "{body} exactly once"),
        ({"template": "{time}{body}"}, "the parts are {id}, {timestamp} and {body}"),
        ({"header": "x sig"}, "String should match pattern"),
        ({"header": ""}, "at least 1 character"),
        ({"prefix": "v1=\n"}, "String should match pattern"),
        ({"tolerance": 0}, "greater than or equal to 1"),
        ({"encoding": "base32"}, "'hex' or 'base64'"),
        ({"algorithm": "md5"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        GenericOptions.model_validate(options)
    assert says in str(error.value)
