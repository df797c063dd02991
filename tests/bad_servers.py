"""Servers on 127.0.0.1 that behave as the worst of the internet does.

    with serving(drip_body) as server:
        client.send(... server.url("/orders") ...)
    assert server.requests[0].startswith(b"GET /orders")

A behaviour is a function of the connected socket and the request's bytes; the request has been read
up to the end of its declared body. When it returns, the connection is closed. Behaviours that go on
for ever end when the client hangs up or the server is left.
"""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial

from tests import ports

Behaviour = Callable[[socket.socket, bytes], None]

DRIP_SECONDS = 0.02


@dataclass
class Server:
    """Where it listens, and what it was sent."""

    port: int
    scheme: str = "http"
    address: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    """One entry a request, head and body."""
    connections: int = 0

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{self.scheme}://{host or self.address}:{self.port}{path}"


@contextmanager
def serving(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[Server]:
    """Run a server in threads until the block is left; with `tls` it speaks HTTPS."""
    with socket.create_server((address, 0)) as listener:
        server = Server(listener.getsockname()[1], "https" if tls else "http", address)
        opened: list[socket.socket] = []
        accept = partial(_accept, listener, server, behaviour, tls, opened)
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            for sock in (listener, *opened):
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def not_accepting() -> Iterator[Server]:
    """A port whose backlog is full, so that connecting to it hangs as behind a firewall."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for filler in (first, second):
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        yield Server(port)


def refusing() -> Server:
    """A port on which nobody listens, for as long as the process lives."""
    return Server(ports.number(_unlistened()))


@cache
def _unlistened() -> socket.socket:
    return ports.held()


def answer(
    body: bytes = b"ok",
    status: str = "200 OK",
    headers: tuple[str, ...] = (),
    *,
    keep: bool = False,
) -> Behaviour:
    """A well-behaved answer; `keep` leaves the connection open afterwards, as keep-alive does."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))

    def behave(sock: socket.socket, request: bytes) -> None:
        sock.sendall(head.encode() + b"\r\n\r\n" + body)
        if keep:
            sock.recv(1)

    return behave


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end."""
    return lambda sock, request: sock.sendall(data)


def redirect(location: str, status: str = "302 Found") -> Behaviour:
    return answer(b"", status, (f"Location: {location}",))


def silent(sock: socket.socket, request: bytes) -> None:
    """Never a byte."""
    sock.recv(1)


def hang_up(sock: socket.socket, request: bytes) -> None:
    """Close without an answer."""


def reset(sock: socket.socket, request: bytes) -> None:
    """End the connection with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip_headers(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    _for_ever(sock, b"X-Drip: 1\r\n", DRIP_SECONDS)


def drip_header_bytes(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    _for_ever(sock, b"1", DRIP_SECONDS)


def drip_body(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    _for_ever(sock, b"x", DRIP_SECONDS)


def drip_chunked(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    _for_ever(sock, b"1\r\nx\r\n", DRIP_SECONDS)


def drip_continue(sock: socket.socket, request: bytes) -> None:
    _for_ever(sock, b"HTTP/1.1 100 Continue\r\n\r\n", DRIP_SECONDS)


def endless_continue(sock: socket.socket, request: bytes) -> None:
    _for_ever(sock, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_headers(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    _for_ever(sock, b"X-Long: " + b"x" * 8000 + b"\r\n")


def many_headers(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\nok")


def long_header(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\nok")


def endless_body(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _for_ever(sock, b"x" * 65_536)


def endless_chunks(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    _for_ever(sock, b"1\r\nx\r\n" * 10_000)


def endless_chunk_size(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    _for_ever(sock, b"x" * 65_536)


def broken_body(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")


def broken_chunk(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nonly this")


@cache
def bomb() -> bytes:
    """200 MB of zeros in 200 kB of gzip."""
    return gzip.compress(bytes(1_000_000)) * 200


def gzip_bomb(sock: socket.socket, request: bytes) -> None:
    _packed(sock, bomb(), "gzip")


def deflate_bomb(sock: socket.socket, request: bytes) -> None:
    _packed(sock, zlib.compress(bytes(20_000_000)), "deflate")


def triple_gzip(sock: socket.socket, request: bytes) -> None:
    _packed(sock, gzip.compress(gzip.compress(bomb())), "gzip, gzip, gzip")


def empty_gzip_members(sock: socket.socket, request: bytes) -> None:
    """Work without a byte of output."""
    _packed(sock, gzip.compress(b"") * 50_000, "gzip")


def not_gzip(sock: socket.socket, request: bytes) -> None:
    _packed(sock, b"plain text", "gzip")


def _packed(sock: socket.socket, body: bytes, encoding: str) -> None:
    answer(body, headers=(f"Content-Encoding: {encoding}",))(sock, b"")


def _for_ever(sock: socket.socket, data: bytes, pause: float = 0.0) -> None:
    while True:
        sock.sendall(data)
        if pause:
            time.sleep(pause)


def _accept(
    listener: socket.socket,
    server: Server,
    behaviour: Behaviour,
    tls: ssl.SSLContext | None,
    opened: list[socket.socket],
) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        opened.append(sock)
        talk = partial(_talk, sock, server, behaviour, tls)
        threading.Thread(target=talk, daemon=True).start()


def _talk(
    sock: socket.socket, server: Server, behaviour: Behaviour, tls: ssl.SSLContext | None
) -> None:
    # OSError: the client hung up, which is what most of these tests are about.
    with suppress(OSError), sock:
        talking = tls.wrap_socket(sock, server_side=True) if tls else sock
        with talking:
            request = _read_request(talking)
            if request:
                server.requests.append(request)
                behaviour(talking, request)


def _read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        received = sock.recv(65_536)
        if not received:
            return b""
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    declared = re.search(rb"(?im)^content-length: *(\d+)", head)
    missing = int(declared[1]) - len(body) if declared else 0
    while missing > 0:
        received = sock.recv(65_536)
        if not received:
            break
        data, missing = data + received, missing - len(received)
    return data
