"""The other side of the HTTP steps, and the oracle: it writes every request down, then answers.

Addresses are /<behaviour>/<argument>/<execution>/<step>. The behaviours:

wait/<ms>     200 after so many milliseconds
gather/<n>    200 once n requests of the execution are here, or after two seconds
status/<n>    this status
hang/0        never an answer
drip/0        an answer that never ends, a byte every 100 ms
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

GATHER_SECONDS = 2.0
DRIP_SECONDS = 0.1
DRIP_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"


@dataclass(frozen=True)
class Call:
    """One request, as it came in."""

    at: float  # seconds since the epoch
    method: str
    execution: str
    step: str
    key: str | None  # of its Idempotency-Key
    body_id: str | None  # the `id` of its JSON body


def read(file: Path, offset: int) -> list[Call]:
    """The calls that were written down since the file had `offset` bytes."""
    with file.open("rb") as written:
        written.seek(offset)
        whole, _, _ = written.read().rpartition(b"\n")
    return [Call(**json.loads(line)) for line in whole.splitlines()]


class Receiver(asyncio.Protocol):
    """One connection. Requests come one after another, each whole before it is answered."""

    file: TextIO
    gathered: dict[str, list[asyncio.Event]] = {}  # who waits, by execution; of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(_headers(lines[1:]))
        if not end or len(body) < int(headers.get("content-length", "0")):
            return
        self._received = b""
        method, path, _ = lines[0].split(" ")
        _, behaviour, argument, execution, step = path.split("/")
        key = headers.get("idempotency-key")
        call = Call(time.time(), method, execution, step, key, _body_id(body))
        self.file.write(json.dumps(asdict(call)) + "\n")
        self.file.flush()
        self._answering = asyncio.ensure_future(self._answer(behaviour, argument, execution))

    async def _answer(self, behaviour: str, argument: str, execution: str) -> None:
        match behaviour:
            case "wait":
                await asyncio.sleep(int(argument) / 1000)
            case "gather":
                await self._gather(execution, int(argument))
            case "hang":
                return
            case "drip":
                await self._drip()
        status = argument if behaviour == "status" else "200"
        body = b'{"ok":true}'
        head = f"HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _gather(self, execution: str, count: int) -> None:
        here = asyncio.Event()
        waiting = self.gathered.setdefault(execution, [])
        waiting.append(here)
        if len(waiting) >= count:
            for event in self.gathered.pop(execution):
                event.set()
        try:
            await asyncio.wait_for(here.wait(), GATHER_SECONDS)
        except TimeoutError:
            self.gathered.pop(execution, None)

    async def _drip(self) -> None:
        self._transport.write(DRIP_HEAD)
        while not self._transport.is_closing():
            self._transport.write(b".")
            await asyncio.sleep(DRIP_SECONDS)


def _headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _body_id(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return str(value["id"]) if isinstance(value, dict) and "id" in value else None


async def serve(file: Path, listener: socket.socket) -> None:
    """Serve on a socket that listens already, until the process is told to end."""
    with file.open("a") as Receiver.file:
        server = await asyncio.get_running_loop().create_server(Receiver, sock=listener)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
