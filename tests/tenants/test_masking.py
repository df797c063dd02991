"""No spelling of a secret gets through, and nothing else is touched."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from tenants.masking import JSON, MIN_LENGTH, Masker, masked_headers

SECRET = "p@ss w/örd+1"
MASKER = Masker({"shop": SECRET})
MARK = "[secret shop]"

secrets = st.text(min_size=MIN_LENGTH)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def contains(value: JSON, secret: str) -> bool:
    """Whether the secret is in any text of the value, marks left out."""
    match value:
        case str():
            return any(secret in piece for piece in value.split("[secret s]"))
        case list():
            return any(contains(child, secret) for child in value)
        case dict():
            return any(contains(k, secret) or contains(v, secret) for k, v in value.items())
    return False


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(SECRET, id="plain"),
        pytest.param(b64(SECRET), id="base64"),
        pytest.param(b64(SECRET).rstrip("="), id="base64 unpadded"),
        pytest.param(base64.urlsafe_b64encode(SECRET.encode()).decode(), id="base64url"),
        pytest.param(base64.b64encode(SECRET.encode("latin-1")).decode(), id="base64 of latin-1"),
        pytest.param(quote(SECRET), id="quote"),
        pytest.param(quote(SECRET, safe=""), id="quote all"),
        pytest.param(quote(SECRET, safe="").lower(), id="quote lower-case"),
        pytest.param(quote_plus(SECRET), id="quote_plus"),
        pytest.param(json.dumps(SECRET)[1:-1], id="json ascii"),
        pytest.param(json.dumps(SECRET, ensure_ascii=False)[1:-1], id="json utf-8"),
        pytest.param(json.dumps(SECRET)[1:-1].replace("/", "\\/"), id="json of PHP"),
    ],
)
def test_every_spelling_is_masked(spelling: str) -> None:
    assert MASKER.text(f"before {spelling} after") == f"before {MARK} after"


@given(secret=secrets, before=st.binary(), after=st.binary())
def test_no_bit_of_a_secret_inside_base64_survives(
    secret: str, before: bytes, after: bytes
) -> None:
    """What is left does not depend on the secret: another of the same length leaves the same."""
    try:
        data = secret.encode()
    except UnicodeEncodeError:
        return
    text = base64.b64encode(before + b"\0" + data + b"\0" + after).decode()
    other = base64.b64encode(before + b"\0" + bytes(b ^ 255 for b in data) + b"\0" + after).decode()
    head, _, tail = Masker({"s": secret}).text(text).partition("[secret s]")
    assert tail or head != text
    assert other.startswith(head)
    assert other.rstrip("=").endswith(tail.rpartition("[secret s]")[2].rstrip("="))


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "user@example.com"])
def test_the_password_of_basic_authentication_is_masked(user: str) -> None:
    request = requests.Request("GET", "https://h.example", auth=(user, "hunter22")).prepare()
    masked = Masker({"s": "hunter22"}).text(request.headers["Authorization"])
    assert masked.startswith("Basic ")
    assert masked.endswith("[secret s]")


@given(secret=secrets.filter(lambda s: s.isprintable()))
@example(secret="a b&c=d#e?f%20/é")
def test_a_secret_in_an_address_that_was_sent_is_masked(secret: str) -> None:
    query = requests.Request("GET", "https://h.example/", params={"key": secret}).prepare().url
    assert Masker({"s": secret}).text(str(query)).endswith("[secret s]")
    assert Masker({"s": secret}).text(urlencode({"key": secret})).endswith("[secret s]")


def test_an_address_as_requests_quotes_it_is_masked() -> None:
    secret = "p@ss wörd"
    url = str(requests.Request("GET", f"https://h.example/{secret}/x").prepare().url)
    assert Masker({"s": secret}).text(url) == "https://h.example/[secret s]/x"


@given(secret=secrets, value=json_values, key=st.text())
def test_a_secret_anywhere_in_a_document_is_masked(secret: str, value: JSON, key: str) -> None:
    document: JSON = {key + secret: value, "list": [value, {"x": f"a{secret}b{secret}{secret}"}]}
    assert not contains(Masker({"s": secret}).mask(document), secret)


@given(value=json_values)
def test_a_document_without_the_secret_comes_back_equal(value: JSON) -> None:
    assert Masker({"s": "\ue000not in any text\ue000"}).mask(value) == value


@pytest.mark.parametrize(
    ("written", "read"), [("utf-8", "latin-1"), ("latin-1", "utf-8")], ids=lambda codec: str(codec)
)
def test_a_secret_that_was_read_in_another_encoding_is_masked(written: str, read: str) -> None:
    shown = "p4ssw0rd-ü!".encode(written).decode(read, "replace")
    assert "p4ssw0rd" not in Masker({"t": "p4ssw0rd-ü!"}).text(f"echo: {shown}")


@given(value=json_values)
def test_without_secrets_nothing_is_masked(value: JSON) -> None:
    assert Masker({}).mask(value) == value


def test_the_original_is_left_as_it_was() -> None:
    document: JSON = {"a": [SECRET]}
    assert MASKER.mask(document) == {"a": [MARK]}
    assert document == {"a": [SECRET]}


def test_keys_are_masked() -> None:
    assert MASKER.mask({f"x-{SECRET}": 1}) == {f"x-{MARK}": 1}


@pytest.mark.parametrize(("secret", "number"), [("123456", 123456), ("1.25", 1.25), ("-123", -123)])
def test_a_number_that_is_a_secret_is_masked(secret: str, number: float) -> None:
    masker = Masker({"pin": secret})
    assert masker.mask([number, 77]) == ["[secret pin]", 77]


@pytest.mark.parametrize(("secret", "value"), [("true", True), ("null", None), ("1234", 12345)])
def test_other_values_are_not_numbers_that_are_secrets(secret: str, value: JSON) -> None:
    assert Masker({"s": secret}).mask([value]) == [value]


def test_overlapping_secrets_are_masked_as_one() -> None:
    masker = Masker({"first": "abcdXYZ", "second": "XYZ12345"})
    assert masker.text("-abcdXYZ12345-") == "-[secret first]-"


def test_a_secret_within_another_does_not_uncover_the_rest() -> None:
    masker = Masker({"short": "abcd", "long": "xabcdy"})
    assert masker.text("-xabcdy-abcd-") == "-[secret long]-[secret short]-"


def test_a_secret_that_repeats_itself_leaves_no_remainder() -> None:
    assert Masker({"s": "abab"}).text("-ababab-") == "-[secret s]-"


@given(
    secret=secrets | st.sampled_from(["secret", "secret s", "[secret s]", "[sec"]),
    text=st.text(),
)
def test_masking_again_changes_nothing(secret: str, text: str) -> None:
    masker = Masker({"s": secret})
    once = masker.text(f"{text} {secret} {text}")
    assert masker.text(once) == once


@pytest.mark.parametrize("secret", ["", "a", "yes", "123"])
def test_values_too_short_to_be_secrets_are_ignored(secret: str) -> None:
    assert Masker({"s": secret}).text("a yes 123") == "a yes 123"


def test_a_document_deeper_than_the_stack_is_masked() -> None:
    document: JSON = SECRET
    for _ in range(50_000):
        document = [document]
    masked = MASKER.mask(document)
    while isinstance(masked, list):
        masked = masked[0]
    assert masked == MARK


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "apikey",
        "x-apikey",
        "x-auth-key",
        "x-auth-token",
        "x-gitlab-token",
        "x-amz-security-token",
        "x-goog-channel-token",
        "x-webhook-secret",
        "x-functions-key",
        "ocp-apim-subscription-key",
        "x-hub-signature",
        "x-hub-signature-256",
        "stripe-signature",
        "x-slack-signature",
        "webhook-signature",
        "x-signature-ed25519",
        "x-shopify-hmac-sha256",
        "x-jwt",
    ],
)
def test_a_header_that_lets_its_reader_act_as_the_sender_is_masked(name: str) -> None:
    assert masked_headers({name: "value"}) == {name: "[masked]"}


@pytest.mark.parametrize(
    "name",
    [
        "content-type",
        "host",
        "idempotency-key",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "x-github-delivery",
        "x-github-event",
        "x-request-id",
        "x-shopify-topic",
        "x-signature-timestamp",
        "x-tokens-left",
    ],
)
def test_other_headers_stay(name: str) -> None:
    assert masked_headers({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "spelling",
    [
        "p&lt;ss w&amp;rd&quot;1&#x27;",
        "p&lt;ss w&amp;rd&#34;1&#39;",
        "p&lt;ss w&amp;rd\"1'",
        'p\\u003css w\\u0026rd\\"1\\u0027',
        quote(quote("p<ss w&rd\"1'")),
        json.dumps(json.dumps("p<ss w&rd\"1'")[1:-1])[1:-1],
        json.dumps("p&lt;ss w&amp;rd&quot;1&#x27;")[1:-1],
        b"p<ss w&rd\"1'".hex(),
        b"p<ss w&rd\"1'".hex().upper(),
        "P<SS W&RD\"1'",
    ],
)
def test_a_value_escaped_for_pages_or_twice_is_masked(spelling: str) -> None:
    assert Masker({"s": "p<ss w&rd\"1'"}).text(f"a {spelling} b") == "a [secret s] b"


def test_what_is_found_is_named() -> None:
    masker = Masker({"one": "first value", "two": "second value"})
    assert masker.found_in("x=first%20value") == {"one"}
    assert masker.found_in("x=third") == frozenset()
