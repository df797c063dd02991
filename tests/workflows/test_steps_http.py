from __future__ import annotations

import json
from typing import Any

import pytest

from tests.workflows.worlds import ScriptedWorld, answer, world
from workflows.steps.base import ConfigError, Done, Failed, HttpFailure, HttpRequest
from workflows.steps.http import Http

HTTP = Http()
URL = "https://api.example/orders"


def run(here: ScriptedWorld, **rendered: Any) -> Any:
    return HTTP.run(HTTP.load({"url": URL, **rendered}), here)


def sent(**rendered: Any) -> HttpRequest:
    here = world()
    run(here, **rendered)
    (request,) = here.http.sent
    return request


def test_a_request_is_a_plain_get_by_default() -> None:
    assert sent() == HttpRequest("GET", URL, {}, None, 7.0)


@pytest.mark.parametrize(
    ("given", "body", "content_type"),
    [
        ({"json": {"a": "ü"}}, '{"a":"ü"}'.encode(), "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"form": {"a": "1 2", "b": [1, True], "c": None}}, b"a=1+2&b=1&b=true", None),
        ({"body": "hé"}, "hé".encode(), "text/plain; charset=utf-8"),
    ],
)
def test_a_body_has_its_content_type(given: Any, body: bytes, content_type: str | None) -> None:
    request = sent(method="PUT", **given)
    assert request.body == body
    expected = content_type or "application/x-www-form-urlencoded"
    assert request.headers["Content-Type"] == expected


def test_a_content_type_of_ones_own_is_kept() -> None:
    request = sent(method="POST", json={}, headers={"content-type": "application/vnd.api+json"})
    assert request.headers["content-type"] == "application/vnd.api+json"
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("method", "has_key"),
    [
        ("GET", False),
        ("HEAD", False),
        ("OPTIONS", False),
        ("POST", True),
        ("PUT", True),
        ("PATCH", True),
        ("delete", True),
    ],
)
def test_every_write_carries_the_idempotency_key(method: str, has_key: bool) -> None:
    assert sent(method=method).headers.get("Idempotency-Key") == ("run.step" if has_key else None)


def test_an_idempotency_key_of_ones_own_is_kept() -> None:
    request = sent(method="POST", headers={"idempotency-key": "mine"})
    assert request.headers == {"idempotency-key": "mine"}


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        (URL, {"q": "a b&c", "page": 2, "all": True}, f"{URL}?q=a+b%26c&page=2&all=true"),
        (URL, {"id": [1, 2], "none": None}, f"{URL}?id=1&id=2"),
        (f"{URL}?a=1#part", {"b": "2"}, f"{URL}?a=1&b=2#part"),
        (f"{URL}?a=1", {"b": None}, f"{URL}?a=1"),
    ],
)
def test_query_parameters_join_the_url(url: str, query: Any, expected: str) -> None:
    assert sent(url=url, query=query).url == expected


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("secret.0123456789abcdef.hook.", {}, "secret.0123456789abcdef.hook."),
        ("secret.0123456789abcdef.hook./a", {"b": 1}, "secret.0123456789abcdef.hook./a?b=1"),
    ],
)
def test_the_address_may_be_a_secret_which_the_client_knows(
    url: str, query: Any, expected: str
) -> None:
    assert sent(url=url, query=query).url == expected


def test_headers_take_numbers_and_those_with_credentials_are_named() -> None:
    request = sent(headers={"X-Count": 5, "X-Flag": True, "Authorization": "Bearer x"})
    assert request.headers == {"X-Count": "5", "X-Flag": "true", "Authorization": "Bearer x"}
    assert request.secret_headers == {"authorization"}


def test_authentication_and_redirects_are_the_clients_work() -> None:
    request = sent(auth={"username": "ada", "password": "pw"}, redirects=3)
    assert (request.basic_auth, request.max_redirects) == (("ada", "pw"), 3)
    assert request.headers == {}


@pytest.mark.parametrize(
    ("rendered", "words"),
    [
        ({"url": "ftp://x.example"}, "with.url: This must be a whole URL"),
        ({"url": "/orders"}, "whole URL"),
        ({"url": "secret.hook."}, "whole URL"),
        ({"url": "secret.0123456789abcdef.hook.\n"}, "line breaks"),
        ({"url": "https://[::1"}, "whole URL"),
        ({"url": "https://a.example/\r\nX: y"}, "line breaks"),
        ({"url": "https://ada:pw@a.example/"}, "put it into auth"),
        ({"url": 5}, "text, not a number"),
        ({"method": "BREW"}, "'GET', 'HEAD'"),
        ({"headers": {"X": "a\r\nY: b"}}, "with.headers.X: A header may not hold line breaks"),
        ({"headers": {"X": "a\x00b"}}, "line breaks"),
        ({"headers": {"X": None}}, "text, a number, true or false"),
        ({"headers": {"X": ["a"]}}, "text, a number, true or false"),
        ({"headers": {"X y": "a"}}, "not a header name"),
        ({"headers": {"X\r\nY": "a"}}, "not a header name"),
        ({"headers": {"Host": "a"}}, "set by the client"),
        ({"headers": {"transfer-encoding": "chunked"}}, "set by the client"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "twice"),
        ({"json": {}, "body": "x"}, "one body; json is given"),
        ({"json": {}, "form": {}}, "one body; json is given"),
        ({"form": {}, "body": "x"}, "one body; form is given"),
        ({"query": {"a": {"b": 1}}}, "text, a number"),
        ({"expect": ["6xx"]}, "a class such as"),
        ({"expect": [99]}, "a status such as 404"),
        ({"redirects": 6}, "5 or less"),
        ({"auth": {"username": "a:b", "password": "x"}}, "must match"),
        (
            {"auth": {"username": "a", "password": "b"}, "headers": {"AUTHORIZATION": "x"}},
            "given already",
        ),
    ],
)
def test_a_bad_request_is_never_sent(rendered: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        HTTP.load({"url": URL, **rendered})
    assert words in str(refusal.value)


def test_the_output_is_the_answer() -> None:
    result = run(world(answer(b'{"id": 1}', 201, X_Request_Id="r1")), method="POST")
    assert result == Done(
        {
            "status": 201,
            "headers": {"content-type": "application/json", "x-request-id": "r1"},
            "body": {"id": 1},
            "elapsed_ms": 12.3,
        }
    )


@pytest.mark.parametrize(
    ("status", "expect", "is_success"),
    [
        (200, None, True),
        (299, None, True),
        (302, None, False),
        (404, None, False),
        (404, ["2xx", 404], True),
        (200, [404], False),
        (503, ["5xx"], True),
    ],
)
def test_a_status_is_a_success_if_it_is_expected(
    status: int, expect: list[Any] | None, is_success: bool
) -> None:
    result = run(world(answer(status=status)), **({"expect": expect} if expect else {}))
    assert isinstance(result, Done) == is_success


def test_an_unexpected_status_fails_with_what_came() -> None:
    body = json.dumps({"why": "ü" * 4096}, ensure_ascii=False).encode()
    result = run(world(answer(body, 503, Retry_After="7")), expect=["2xx", 404])
    assert isinstance(result, Failed)
    error = result.error
    assert (error.kind, error.status, error.sent, error.retry_after) == ("status", 503, True, 7.0)
    assert error.message == "The server answered 503; expected was 2xx or 404."
    excerpt = error.details["body"]
    assert isinstance(excerpt, str)
    assert excerpt.startswith('{"why": "ü')
    assert 4090 <= len(excerpt.encode()) <= 4096


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Tue, 01 Jan 2030 12:01:00 GMT", 60.0),
        ("Tue, 01 Jan 2030 12:01:00 -0000", 60.0),
        ("Tue, 01 Jan 2030 11:00:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds(header: str, seconds: float | None) -> None:
    assert run(world(answer(status=429, Retry_After=header))).error.retry_after == seconds


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_call_without_an_answer_fails_with_its_kind(was_sent: bool) -> None:
    failure = HttpFailure("timeout", "No answer within 7 seconds.", sent=was_sent)
    error = run(world(failure)).error
    assert (error.kind, error.message, error.sent) == ("timeout", failure.message, was_sent)


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        ("GET", True),
        ("HEAD", True),
        ("PUT", True),
        ("DELETE", True),
        ("OPTIONS", True),
        ("POST", False),
        ("PATCH", False),
    ],
)
def test_what_may_be_repeated_follows_from_the_method(method: str, repeatable: bool) -> None:
    raw: dict[str, Any] = {"method": method.lower(), "url": URL}
    assert HTTP.repeatable(HTTP.load(raw)) == repeatable
    assert HTTP.may_park(raw) == (not repeatable)
