"""The other side of the measured HTTP steps: as little as answers correctly, in its own process.

GET  /order     an order
POST /orders    201; counted by Idempotency-Key
GET  /slow      an order, after 200 ms
GET  /counts    how many POSTs came, and how many different keys they had
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

SLOW_SECONDS = 0.2
ORDER = b'{"id":"o-1","status":"paid","total":3800,"currency":"EUR"}'


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


FOUND = _answer("200 OK", ORDER)
CREATED = _answer("201 Created", b'{"id":"crm-1"}')
MISSING = _answer("404 Not Found", b"{}")


class Target(asyncio.Protocol):
    """One connection. Requests come one after another, each whole before it is answered."""

    keys: list[bytes] = []  # of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < int(_header(head, b"content-length") or b"0"):
            return
        self._received = b""
        self._respond(head)

    def _respond(self, head: bytes) -> None:
        match head.split(b" ", 2)[:2]:
            case [b"GET", b"/order"]:
                self._transport.write(FOUND)
            case [b"POST", b"/orders"]:
                self.keys.append(_header(head, b"idempotency-key"))
                self._transport.write(CREATED)
            case [b"GET", b"/slow"]:
                loop = asyncio.get_running_loop()
                loop.call_later(SLOW_SECONDS, self._transport.write, FOUND)
            case [b"GET", b"/counts"]:
                counts = {"posts": len(self.keys), "keys": len(set(self.keys))}
                self._transport.write(_answer("200 OK", json.dumps(counts).encode()))
            case _:
                self._transport.write(MISSING)


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    return b""


async def serve(listener: socket.socket) -> None:
    """Serve on a socket that listens already, until the process is told to end."""
    server = await asyncio.get_running_loop().create_server(Target, sock=listener, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
