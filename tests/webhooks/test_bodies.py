"""Bodies by their declared type: what each becomes, what is refused and where, and no surprises."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from webhooks import bodies
from webhooks.bodies import Flaw, parse
from workflows import documents

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
TYPES = ["", JSON, FORM, f"{FORM}; charset=koi8-r", MULTIPART, "text/plain", "text/x; charset=big5"]


def part(content: bytes = b"1", headers: bytes = b"", name: bytes = b'"a"') -> bytes:
    """One part of a multipart form with the boundary `b`."""
    head = b"Content-Disposition: form-data; name=" + name + headers
    return b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


END = b"--b--\r\n"
BASE64 = b"\r\nContent-Transfer-Encoding: base64"


def flaw_of(content_type: str, body: bytes) -> Flaw:
    found = parse(content_type, body)
    assert isinstance(found, Flaw), found
    return found


# --- What is read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("", b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("", b"", None),
        (JSON, b" {} \n", {}),
        ("Application/JSON ; charset=latin1", '"é"'.encode(), "é"),
        ("application/cloudevents+json", b"[]", []),
        (FORM, b"", {}),
        (FORM, b"a=1&b=2&a=3", {"a": ["1", "3"], "b": "2"}),
        (FORM, b"a=x+y%26z&b&c=&=d", {"a": "x y&z", "b": "", "c": "", "": "d"}),
        (FORM, b"a=%E2%82%AC&b=\xe2\x82\xac", {"a": "€", "b": "€"}),
        (f"{FORM};charset=ISO-8859-1", b"a=%E9", {"a": "é"}),
        (FORM, b"payload=%7B%22type%22%3A%22block_actions%22%7D", None),
        (MULTIPART, part() + END, {"a": "1"}),
        (MULTIPART, part() + part(b"2") + END, {"a": ["1", "2"]}),
        (MULTIPART, part(b"") + END, {"a": ""}),
        (MULTIPART, END, {}),
        (MULTIPART, part("€\r\n--a".encode()) + END, {"a": "€\r\n--a"}),
        (
            MULTIPART,
            part(b"\xe9", b"\r\nContent-Type: text/plain; charset=iso-8859-1") + END,
            {"a": "é"},
        ),
        (MULTIPART, part(b"{}", b"\r\nContent-Type: application/json") + END, {"a": "{}"}),
        (MULTIPART, part(name=b'"filename"') + END, {"filename": "1"}),
        ("text/plain", b"", ""),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("text/csv; charset=utf-8", b"\xef\xbb\xbfa;b\n", "a;b\n"),
        ('text/plain; charset="windows-1252"', b"\x80", "€"),
    ],
)
def test_a_body_is_read_as_it_is_declared(content_type: str, body: bytes, value: object) -> None:
    if body.startswith(b"payload="):
        value = {"payload": '{"type":"block_actions"}'}  # a field's text stays text
    assert parse(content_type, body) == value


def test_slacks_slash_command_is_a_form() -> None:
    fields = {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_domain": "example",
        "command": "/weather",
        "text": "94070 & more",
        "response_url": "https://hooks.slack.com/commands/1234/5678",
    }
    assert parse(FORM, urlencode(fields).encode()) == fields


def test_what_urllib3_sends_as_a_multipart_form_is_read() -> None:
    body, content_type = encode_multipart_formdata([("name", "Ada"), ("tag", "a"), ("tag", "ü")])
    assert parse(content_type, body) == {"name": "Ada", "tag": ["a", "ü"]}


# --- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "code", "field"),
    [
        (JSON, b"", "not-json", ""),
        (JSON, b"a=1", "not-json", ""),
        ("", b"a=1", "not-json", ""),
        (JSON, b'{"a": {"b": ["\\u0000"]}}', "not-json", "a.b[0]"),
        (JSON, b'{"a": "\\ud800"}', "not-json", "a"),
        (FORM, b'{"a": 1}', "not-a-form", ""),
        (FORM, b"a=%FF", "not-a-form", ""),
        (FORM, b"\xff=1", "not-a-form", ""),
        (FORM, b"a=1&b=%00", "not-a-form", "b"),
        (f"{FORM}; charset=utf-16", b"a=1", "charset", ""),
        (MULTIPART, part(headers=b'; filename="/etc/passwd"') + END, "file", "a"),
        (MULTIPART, part(headers=b'; filename=""') + END, "file", "a"),
        (MULTIPART, part(headers=b"; filename*=utf-8''x") + END, "file", "a"),
        (MULTIPART, part(b"\0") + END, "not-a-form", "a"),
        (MULTIPART, part(b"\xff") + END, "not-a-form", "a"),
        (MULTIPART, part(headers=BASE64) + END, "not-a-form", "a"),
        (MULTIPART, part(headers=b"\r\nContent-Type: text/plain; charset=x") + END, "charset", "a"),
        (MULTIPART, part(), "not-a-form", ""),
        (MULTIPART, b"", "not-a-form", ""),
        (MULTIPART, b'{"a": {"filepath": "/etc/passwd"}}', "not-a-form", ""),
        ("multipart/form-data", part() + END, "not-a-form", ""),
        ("text/plain", b"a\0", "not-text", ""),
        ("text/plain", b"\xff", "not-text", ""),
        ("text/plain; charset=zlib", b"x", "charset", ""),
        ("text/plain; charset=undefined", b"x", "charset", ""),
        ("text/plain; charset=idna", b"x", "charset", ""),
    ],
)
def test_what_is_not_what_it_is_declared_is_unprocessable(
    content_type: str, body: bytes, code: str, field: str
) -> None:
    flaw = flaw_of(content_type, body)
    assert (flaw.status, flaw.code, flaw.field) == (422, code, field)
    assert flaw.detail.endswith(".")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/xml",
        "application/octet-stream",
        "multipart/mixed; boundary=b",
        "application/json, text/plain",
        "; charset=utf-8",
        "nonsense",
        "text/plain; charset=\u20ac",
        "text/plain; x=" + "y" * 2_000,
    ],
)
def test_other_types_are_unsupported_and_it_is_said_which_are_not(content_type: str) -> None:
    flaw = flaw_of(content_type, b"{}")
    assert (flaw.status, flaw.code) == (415, "unsupported-type")
    assert bodies.ACCEPTED in flaw.detail


def test_where_json_breaks_is_told() -> None:
    assert "at line 2, column 3." in flaw_of(JSON, b'{"a": 1,\n  b}').detail


@pytest.mark.parametrize(("fields", "taken"), [(bodies.MAX_FIELDS, True), (1_001, False)])
def test_a_form_has_at_most_a_thousand_fields(fields: int, taken: bool) -> None:
    for content_type, body in [
        (FORM, b"&".join([b"a=1"] * fields)),
        (MULTIPART, part() * fields + END),
    ]:
        found = parse(content_type, body)
        assert isinstance(found, Flaw) is not taken
        assert not isinstance(found, Flaw) or found.code == "too-many-fields"


@pytest.mark.parametrize(
    "headers", [b"\r\nX-A: 1" * bodies.MAX_PART_HEADERS, b"\r\nX-A: " + b"y" * 5_000]
)
def test_the_headers_of_a_part_are_bounded(headers: bytes) -> None:
    assert flaw_of(MULTIPART, part(headers=headers) + END).code == "too-many-fields"


# --- Whatever is sent --------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    [
        *(b"--b", b"--b--", b"\r\n", b"\n", b"\r\n\r\n", b"Content-Length: 3", b"Content-Type"),
        *(b'Content-Disposition: form-data; name="a"', b": text/plain; charset=x", b"; filename*="),
        *(b"&", b"=", b"%", b"%00", b"%ED%A0%80", b'"', b"{", b"}", b"[", b"\\ud800", b"\xff"),
        *(b"\0", b"1e999", b"\xed\xa0\x80", b"9" * 5_000),
    ]
)
BODIES = st.binary(max_size=100) | st.lists(FRAGMENTS, max_size=30).map(b"".join)


def storable(value: object) -> bool:
    """Whether Postgres can keep it, as the rules for definitions say."""
    return next(documents.unstorable(value), None) is None


@given(st.sampled_from(TYPES) | st.text(max_size=60), BODIES)
def test_whatever_the_bytes_there_is_a_value_that_can_be_kept_or_a_flaw(
    content_type: str, body: bytes
) -> None:
    found = parse(content_type, body)
    if isinstance(found, Flaw):
        assert found.status in (415, 422)
        assert found.detail.endswith(".")
    else:
        assert storable(found)
        json.dumps(found).encode()


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
PAIRS = st.lists(st.tuples(TEXT.filter(lambda name: not name.startswith("{")), TEXT), max_size=10)


def grouped(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    names = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    return {name: values[0] if len(values) == 1 else values for name, values in names.items()}


@given(PAIRS)
def test_a_form_that_the_standard_library_writes_comes_back(pairs: list[tuple[str, str]]) -> None:
    assert parse(FORM, urlencode(pairs).encode()) == grouped(pairs)


@given(st.lists(st.tuples(st.text("abcü[]", max_size=5), TEXT), max_size=10))
def test_a_multipart_form_that_urllib3_writes_comes_back(pairs: list[tuple[str, str]]) -> None:
    body, content_type = encode_multipart_formdata(pairs)
    assert parse(content_type, body) == grouped(pairs)


@given(TEXT)
def test_a_text_comes_back_without_its_byte_order_mark(text: str) -> None:
    assert parse("text/plain", text.encode()) == text.removeprefix("\ufeff")
