from __future__ import annotations

from dataclasses import replace

import pytest

from executions.outbound import OutboundClient
from executions.outbound.redirects import next_request
from tests.bad_servers import answer, redirect, refusing, serving, silent
from tests.executions.calls import LOOPBACK, failure, request
from workflows.steps.base import HttpRequest

CLIENT = OutboundClient(LOOPBACK)
HERE = "https://shop.example/a/b?c=d"


def after(call: HttpRequest, location: str, status: int = 302) -> HttpRequest:
    following = next_request(call, status, {"location": location})
    assert following is not None
    return following


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", "GET"),
        (301, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "POST", "GET"),
        (302, "post", "GET"),
        (302, "DELETE", "DELETE"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
def test_a_redirect_keeps_the_method_or_turns_it_into_get(
    status: int, method: str, expected: str
) -> None:
    assert after(request(HERE, method), "/next", status).method == expected


def test_a_call_that_turns_into_get_loses_its_body_and_what_describes_it() -> None:
    call = request(HERE, "POST", body=b"{}", headers={"Content-Type": "application/json", "X": "1"})
    following = after(call, "/next", 303)
    assert following.body is None
    assert following.headers == {"X": "1"}


def test_a_call_that_keeps_its_method_keeps_its_body() -> None:
    call = request(HERE, "POST", body=b"{}", headers={"Content-Type": "application/json"})
    assert after(call, "/next", 307) == replace(call, url="https://shop.example/next")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/next", "https://shop.example/next"),
        ("next", "https://shop.example/a/next"),
        ("?e=f", "https://shop.example/a/b?e=f"),
        ("//other.example/", "https://other.example/"),
        ("http://other.example/x", "http://other.example/x"),
    ],
)
def test_a_location_may_be_relative(location: str, url: str) -> None:
    assert after(request(HERE), location).url == url


@pytest.mark.parametrize(
    "location",
    [
        "https://other.example/",
        "https://sub.shop.example/",
        "http://shop.example/",
        "https://shop.example:8443/",
        "//other.example/",
    ],
)
def test_secrets_stay_behind_when_the_origin_changes(location: str) -> None:
    call = request(
        HERE,
        headers={"AUTHORIZATION": "Bearer s", "Cookie": "a=b", "X-Api-Key": "s", "X-Plain": "1"},
        secret_headers=frozenset({"x-api-key"}),
        basic_auth=("alice", "s"),
    )
    following = after(call, location)
    assert following.headers == {"X-Plain": "1"}
    assert following.basic_auth is None


def test_a_body_with_secrets_goes_to_no_other_origin() -> None:
    call = request(HERE, "POST", body=b"s", secret_body=True)
    elsewhere = {"location": "http://shop.example/x"}
    assert next_request(call, 307, elsewhere) is None
    assert after(call, "http://shop.example/x", 303).body is None
    assert after(call, "/x", 307).body == b"s"


@pytest.mark.parametrize("location", ["/x", "https://SHOP.example:443/x", "https://shop.example"])
def test_secrets_go_along_within_the_origin(location: str) -> None:
    call = request(HERE, headers={"Authorization": "Bearer s"}, basic_auth=("alice", "s"))
    following = after(call, location)
    assert following.headers == call.headers
    assert following.basic_auth == call.basic_auth


@pytest.mark.parametrize(("status", "location"), [(200, "/x"), (304, "/x"), (300, "/x"), (302, "")])
def test_other_answers_lead_nowhere(status: int, location: str) -> None:
    assert next_request(request(HERE), status, {"location": location}) is None


def test_a_redirect_is_an_answer_like_any_other_unless_following_is_asked_for() -> None:
    with serving(redirect("/next")) as server:
        response = CLIENT.send(request(server.url()))
        assert (response.status, response.headers["location"]) == (302, "/next")
        assert len(server.requests) == 1


def test_a_redirect_is_followed_across_servers() -> None:
    with serving(answer(b"arrived")) as target, serving(redirect(target.url("/to"))) as server:
        call = request(
            server.url(), "POST", body=b"{}", headers={"Authorization": "s"}, max_redirects=1
        )
        assert CLIENT.send(call).body == b"arrived"
        assert server.requests[0].startswith(b"POST / ")
        assert b"Authorization: s" in server.requests[0]
        assert target.requests[0].startswith(b"GET /to ")
        assert b"Authorization" not in target.requests[0]


@pytest.mark.parametrize(("asked", "made"), [(1, 2), (3, 4), (100, 6)])
def test_a_loop_ends_after_as_many_as_were_asked_for_and_five_at_most(
    asked: int, made: int
) -> None:
    with serving(redirect("/")) as server:
        looped = failure(CLIENT, request(server.url(), max_redirects=asked))
        assert len(server.requests) == made
    assert (looped.kind, looped.sent) == ("invalid", True)


def test_the_deadline_is_for_all_hops_together() -> None:
    with serving(silent) as target, serving(redirect(target.url())) as server:
        late = failure(CLIENT, request(server.url(), timeout=0.3, max_redirects=5))
    assert (late.kind, late.sent) == ("timeout", True)


def test_a_call_that_was_answered_with_a_redirect_was_sent_even_if_the_next_hop_fails() -> None:
    with serving(redirect(refusing().url())) as server:
        failed = failure(CLIENT, request(server.url(), "POST", max_redirects=1))
    assert (failed.kind, failed.sent) == ("connect", True)


def test_an_unreadable_location_is_a_sentence() -> None:
    with serving(redirect("http://[::1/")) as server:
        failed = failure(CLIENT, request(server.url(), max_redirects=1))
    assert (failed.kind, failed.sent) == ("invalid", True)
