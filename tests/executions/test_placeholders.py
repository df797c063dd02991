"""Secrets as references: put in when a call leaves, taken out of all that comes back."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.placeholders import Placeholders
from workflows.definition import JSON
from workflows.steps.world import HttpRequest

VALUE = 'va/l "ü&e'


def request(url: str = "https://x.example/", **more: object) -> HttpRequest:
    fields: dict[str, object] = {"headers": {}, "body": None, **more}
    return HttpRequest(method="POST", url=url, timeout=1, **fields)  # type: ignore[arg-type]  # tests pass what they need


@pytest.fixture
def secrets() -> Placeholders:
    return Placeholders({"key": VALUE, "base": "https://hooks.example/T0/B0?x=1"})


def test_a_placeholder_is_another_one_each_time() -> None:
    first, second = Placeholders({"key": VALUE}), Placeholders({"key": VALUE})
    assert first.names["key"] != second.names["key"]
    text = first.names["key"]
    assert second.reveal(request(headers={"X": text})).headers["X"] == text


def test_no_value_is_in_a_repr(secrets: Placeholders) -> None:
    assert VALUE not in repr(secrets)


def test_in_a_header_the_value_stands_as_it_is_and_the_header_is_marked(
    secrets: Placeholders,
) -> None:
    sent = secrets.reveal(request(headers={"X-Key": f"Key {secrets.names['key']}", "X-Other": "o"}))
    assert sent.headers == {"X-Key": f"Key {VALUE}", "X-Other": "o"}
    assert sent.secret_headers == {"x-key"}


def test_in_an_address_the_value_cannot_leave_its_place(secrets: Placeholders) -> None:
    name = secrets.names["key"]
    sent = secrets.reveal(request(f"https://x.example/a/{name}/b?q={name}"))
    parts = urlsplit(sent.url)
    assert parts.netloc == "x.example"
    assert parts.path.count("/") == 3
    assert parse_qs(parts.query) == {"q": [VALUE]}


def test_a_whole_address_may_be_a_secret(secrets: Placeholders) -> None:
    sent = secrets.reveal(request(f"{secrets.names['base']}&y={secrets.names['key']}"))
    assert sent.url.startswith("https://hooks.example/T0/B0?x=1&y=va%2Fl")


def test_parameters_join_those_of_an_address_that_is_a_secret(secrets: Placeholders) -> None:
    sent = secrets.reveal(request(f"{secrets.names['base']}?y=2"))
    assert sent.url == "https://hooks.example/T0/B0?x=1&y=2"


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/a+json"]
)
def test_in_json_the_value_stays_one_text(secrets: Placeholders, content_type: str) -> None:
    body = json.dumps({"k": f"<{secrets.names['key']}>"}).encode()
    sent = secrets.reveal(request(headers={"content-type": content_type}, body=body))
    assert sent.body is not None
    assert json.loads(sent.body) == {"k": f"<{VALUE}>"}


def test_in_a_form_the_value_stays_one_field(secrets: Placeholders) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = secrets.reveal(request(headers=headers, body=f"k={secrets.names['key']}&l=1".encode()))
    assert sent.body is not None
    assert parse_qs(sent.body.decode()) == {"k": [VALUE], "l": ["1"]}


def test_a_body_with_a_secret_in_it_is_marked(secrets: Placeholders) -> None:
    assert secrets.reveal(request(body=secrets.names["key"].encode())).secret_body
    assert not secrets.reveal(request(body=b"secret.of.nobody.")).secret_body


def test_in_other_bodies_the_value_stands_as_it_is(secrets: Placeholders) -> None:
    body = f"{secrets.names['key']} ".encode() + b"\xff\xfe"
    sent = secrets.reveal(request(headers={"Content-Type": "text/plain"}, body=body))
    assert sent.body == VALUE.encode() + b" \xff\xfe"


def test_basic_auth_is_replaced_before_it_is_encoded(secrets: Placeholders) -> None:
    sent = secrets.reveal(request(basic_auth=("me", secrets.names["key"])))
    assert sent.basic_auth == ("me", VALUE)


def test_without_secrets_nothing_is_touched() -> None:
    call = request(body=b"secret.0.key.")
    assert Placeholders({}).reveal(call) is call
    assert Placeholders({}).hide({"a": "secret.0.key."}) == {"a": "secret.0.key."}


# No letter of the values is in what stands around them.
VALUES = st.text('QXZ/+%"\\é ', min_size=6, max_size=20).filter(str.strip)
AROUND = st.text("abc,.", max_size=5)


@given(VALUES, AROUND, AROUND, st.integers(0, 3))
def test_wherever_a_value_stands_it_is_hidden(
    value: str, before: str, after: str, depth: int
) -> None:
    secrets = Placeholders({"key": value})
    placeholder = secrets.names["key"]
    kept: JSON = [f"{before}{value}{after}", {f"{before}{placeholder}": placeholder, value: 1}]
    for _ in range(depth):
        kept = {"in": [kept, None, True]}
    text = json.dumps(secrets.hide(kept), ensure_ascii=False)
    assert placeholder not in text
    assert json.dumps(value, ensure_ascii=False)[1:-1] not in text
    assert text.count("[secret key]") >= 2
