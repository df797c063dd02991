"""Between a process and Postgres: lets every COMMIT happen and sometimes loses the answer.

`python -m tests.faults.proxy <its socket> <Postgres's socket> <share> <seed> <file>`; a byte is
appended to the file for every answer that was lost.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # a CommandComplete message of the protocol
HEAD = 5  # bytes of a message's type and length


@dataclass
class Proxy:
    """Forwards connections; one whose answer is lost is cut on both sides."""

    upstream: str
    share: float  # of the answers to COMMIT that are lost
    rng: Random
    lost: Path

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side leaves."""
        from_server, to_server = await asyncio.open_unix_connection(self.upstream)
        pumps = [
            asyncio.ensure_future(_forward(reader, to_server)),
            asyncio.ensure_future(self._answer(from_server, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for side in (writer, to_server):
                side.transport.abort()

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        kept = b""
        while data := await server.read(65536):
            kept += data
            whole = self._whole(kept)
            if whole is None:
                with self.lost.open("ab") as file:
                    file.write(b".")
                return
            client.write(kept[:whole])
            kept = kept[whole:]

    def _whole(self, received: bytes) -> int | None:
        """How many bytes are whole messages; None: the answer to a COMMIT is to be lost."""
        end = 0
        while len(received) - end >= HEAD:
            length = 1 + int.from_bytes(received[end + 1 : end + HEAD])
            if len(received) - end < length:
                break
            is_commit = received[end : end + length] == COMMITTED
            if is_commit and self.rng.random() < self.share:
                return None
            end += length
        return end


async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)


async def serve(listen: str, proxy: Proxy) -> None:
    """Serve until the process is told to end."""
    server = await asyncio.start_unix_server(proxy.connect, listen)
    await server.serve_forever()


if __name__ == "__main__":
    made = Proxy(sys.argv[2], float(sys.argv[3]), Random(sys.argv[4]), Path(sys.argv[5]))
    asyncio.run(serve(sys.argv[1], made))
