"""The demo's other side, and the client that the demo talks to the product with."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from config.local import loopback, shop
from config.local.loopback import NoAnswerError
from tests.bad_servers import refusing


def post(port: int, key: str, body: bytes) -> loopback.Answer:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return loopback.request(port, "POST", "/crm/orders", headers=headers, body=body)


def test_an_order_is_found(shop_port: int) -> None:
    answer = loopback.request(shop_port, "GET", "/orders/1001")
    assert answer.status == 200
    assert answer.json()["id"] == "1001"


def test_a_busy_order_is_answered_every_other_time(shop_port: int) -> None:
    statuses = [loopback.request(shop_port, "GET", "/orders/busy-1").status for _ in range(4)]
    assert statuses == [503, 200, 503, 200]


@pytest.mark.parametrize("path", ["/orders/none", "/elsewhere"])
def test_what_does_not_exist_is_not_found(shop_port: int, path: str) -> None:
    assert loopback.request(shop_port, "GET", path).status == 404


def test_the_same_key_stores_one_order(shop_port: int) -> None:
    first, again = (post(shop_port, "run-1.create", b'{"id": 7}') for _ in range(2))
    other = post(shop_port, "run-2.create", b'{"id": 7}')
    assert (first.status, again.status) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("body", [b"{", b"\xff"])
def test_a_body_that_is_not_json_is_refused(shop_port: int, body: bytes) -> None:
    assert post(shop_port, "key", body).status == 400


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(shop_port: int) -> None:
    headers = {"Content-Length": str(shop.MAX_BODY + 1)}
    assert loopback.request(shop_port, "POST", "/crm/orders", headers=headers).status == 413


@pytest.mark.parametrize(("asked", "slept"), [("1", 1), ("-1", 0), ("soon", 0)])
def test_a_slow_answer_says_how_slow(shop_port: int, asked: str, slept: int) -> None:
    assert loopback.request(shop_port, "GET", f"/slow?ms={asked}").json() == {"slept_ms": slept}


def test_no_server_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        loopback.request(refusing().port, "GET", "/")


def test_an_event_stream_that_breaks_off_gives_what_came() -> None:
    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            client.sendall(head + b"id: 1\ndata: " + json.dumps({"seq": 1}).encode() + b"\n\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        seen = list(loopback.events(listener.getsockname()[1], "/events/", headers={}))
    assert seen == [{"seq": 1}]
