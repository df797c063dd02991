from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest

from executions.outbound import OutboundClient
from executions.outbound.limits import Limits
from executions.outbound.request import prepare
from tests.bad_servers import answer, serving
from tests.executions.calls import LOOPBACK, connections_recorded, failure, request
from workflows.steps.base import HttpFailure, HttpRequest

CLIENT = OutboundClient(LOOPBACK)
URL = "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    "method",
    ["", "GET ", "GET / HTTP/1.1\r\nX:", "G\nET", "GÉT", "CONNECT", "connect", "GET\n", "A" * 300],
)
def test_a_method_that_is_no_token_is_not_sent(method: str) -> None:
    _assert_invalid(method=method)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("X\r\nEvil", "x"),
        ("Ü", "x"),
        ("X\n", "x"),
        ("X", "a\r\nEvil: 1"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\x00b"),
        ("X", "a\r\n folded"),
        ("X", "€"),
        ("Host", "metadata"),
        ("hOST", "metadata"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Expect", "100-continue"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Keep-Alive", "1"),
        ("Proxy-Authorization", "x"),
        ("X", "a" * 40_000),
        ("X" * 300, "a"),
    ],
)
def test_a_header_that_could_break_the_request_is_not_sent(name: str, value: str) -> None:
    _assert_invalid(headers={name: value})


def test_too_many_headers_are_not_sent() -> None:
    _assert_invalid(headers={f"X-{number}": "" for number in range(101)})


def test_a_header_in_two_spellings_is_not_sent() -> None:
    _assert_invalid(headers={"X-Key": "a", "x-key": "b"})


def test_a_url_that_is_too_long_is_not_sent() -> None:
    _assert_invalid(url=URL + "a" * 8192)


@pytest.mark.parametrize("more", [{"Authorization": "x"}, {"authorization": "x"}])
def test_credentials_are_not_given_twice(more: dict[str, str]) -> None:
    _assert_invalid(headers=more, basic_auth=("alice", "secret"))


def test_a_user_name_with_a_colon_is_not_sent() -> None:
    _assert_invalid(basic_auth=("alice:x", "secret"))


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_can_start_another_line(name: str, value: str) -> None:
    prepared = _prepared(request(URL, headers={name: value}))
    if prepared is not None:
        assert not set("\r\n\0") & set("".join([*prepared.headers, *prepared.headers.values()]))


@given(st.text(max_size=60))
def test_any_text_as_a_url_is_prepared_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://shop.example/{text}"):
        prepared = _prepared(request(url))
        if prepared is not None:
            assert str(prepared.url).startswith(("http://", "https://"))
            assert str(prepared.url).isascii()


def test_what_is_sent_is_what_was_asked_and_little_more() -> None:
    with serving(answer()) as server:
        CLIENT.send(
            request(
                server.url("/orders?a=1 2&b=ü#fragment"),
                "POST",
                body=b'{"a": 1}',
                headers={"Content-Type": "application/json", "X-Name": " Jürgen\t"},
            )
        )
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert lines[0] == "POST /orders?a=1%202&b=%C3%BC HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        "Content-Length: 8",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: Stepwell",
        "X-Name: Jürgen",
    ]
    assert body == b'{"a": 1}'


def test_the_defaults_give_way_to_the_request() -> None:
    with serving(answer()) as server:
        CLIENT.send(request(server.url(), headers={"user-agent": "mine", "ACCEPT": "text/plain"}))
        head = server.requests[0].lower()
    assert head.count(b"user-agent:") == 1
    assert b"user-agent: mine" in head
    assert b"accept: text/plain" in head


def test_basic_auth_is_sent_in_utf8() -> None:
    with serving(answer()) as server:
        CLIENT.send(request(server.url(), basic_auth=("alice", "pä:ß")))
        expected = b64encode("alice:pä:ß".encode())
        assert b"Authorization: Basic " + expected + b"\r\n" in server.requests[0]


def test_header_names_of_the_answer_are_lower_case_and_repeats_are_joined() -> None:
    with serving(
        answer(headers=("X-Trace: 1", "x-trace: 2", "CONTENT-TYPE: text/plain"))
    ) as server:
        response = CLIENT.send(request(server.url()))
    assert response.headers["x-trace"] == "1, 2"
    assert response.headers["content-type"] == "text/plain"
    assert response.elapsed_ms > 0


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "500 Oops", "999 Odd"])
def test_every_status_is_an_answer(status: str) -> None:
    with serving(answer(b"", status)) as server:
        assert CLIENT.send(request(server.url())).status == int(status[:3])


def test_head_has_no_body_whatever_length_is_declared() -> None:
    with serving(answer(b"not read")) as server:
        assert CLIENT.send(request(server.url(), "HEAD")).body == b""


def _prepared(call: HttpRequest) -> PreparedRequest | None:
    """None if it is refused in the one way it may be."""
    try:
        return prepare(call, Limits())
    except HttpFailure as refused:
        if (refused.kind, refused.sent) == ("invalid", False):
            return None
        raise


def _assert_invalid(url: str = URL, method: str = "GET", **more: object) -> None:
    with connections_recorded() as connections:
        refused = failure(CLIENT, request(url, method, 5.0, **more))
    assert connections == []
    assert (refused.kind, refused.sent) == ("invalid", False)
    assert refused.message.endswith(".")
    assert refused.message.isprintable()
