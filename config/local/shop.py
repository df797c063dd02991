"""The other side of the demo: a small shop and CRM on this machine, for workflows to call.

GET  /orders/<id>   an order; 404 for an id that starts with "no"; 503 every other time
                    for an id that starts with "busy"
POST /crm/orders    stores an order; the same Idempotency-Key gets the same answer again
GET  /slow?ms=<n>   answers after n milliseconds, at most 10,000
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 1_048_576  # bytes
MAX_DELAY = 10_000  # milliseconds


class Orders:
    """What the CRM has stored, by idempotency key, and which orders were asked for in vain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored: dict[str, dict[str, object]] = {}
        self._put_off: set[str] = set()

    def is_busy(self, order_id: str) -> bool:
        """Whether this request is put off; every other one is, so that each run shows a retry."""
        if not order_id.startswith("busy"):
            return False
        with self._lock:
            self._put_off ^= {order_id}
            return order_id in self._put_off

    def store(self, key: str, order: object) -> tuple[HTTPStatus, dict[str, object]]:
        with self._lock:
            if key in self._stored:
                return HTTPStatus.OK, self._stored[key]
            answer: dict[str, object] = {"id": f"crm_{uuid.uuid4().hex[:12]}", "order": order}
            self._stored[key] = answer
            return HTTPStatus.CREATED, answer


ORDERS = Orders()


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON; the names of its methods are given by http.server."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path.startswith("/orders/"):
            self._order(address.path.removeprefix("/orders/"))
        elif address.path == "/slow":
            self._slow(parse_qs(address.query).get("ms", ["0"])[0])
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        if self.path != "/crm/orders":
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"give at most {MAX_BODY} bytes")
            return
        try:
            order = json.loads(self.rfile.read(int(length)))
        except ValueError:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "the body is not JSON"})
            return
        key = self.headers.get("Idempotency-Key") or uuid.uuid4().hex
        self._answer(*ORDERS.store(key, order))

    def _order(self, order_id: str) -> None:
        if order_id.startswith("no"):
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no order {order_id}"})
            return
        if ORDERS.is_busy(order_id):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "busy, ask again"})
            return
        lines = [{"sku": "STEP-1", "quantity": 2, "price": 1900}]
        self._answer(
            HTTPStatus.OK,
            {"id": order_id, "status": "paid", "total": 3800, "currency": "EUR", "lines": lines},
        )

    def _slow(self, milliseconds: str) -> None:
        delay = min(int(milliseconds), MAX_DELAY) if milliseconds.isdecimal() else 0
        time.sleep(delay / 1000)
        self._answer(HTTPStatus.OK, {"slept_ms": delay})

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Answer without reading the body; the connection can not be used again."""
        self.close_connection = True
        self._answer(status, {"error": why})

    def _answer(self, status: HTTPStatus, value: dict[str, object]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def server(listener: socket.socket) -> ThreadingHTTPServer:
    """The shop on a socket that listens already; whoever calls lets it serve, and ends it."""
    made = ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    made.socket.close()
    made.socket = listener
    return made


if __name__ == "__main__":
    server(socket.socket(fileno=int(sys.argv[1]))).serve_forever()
