"""A connected socket that knows when to stop.

Every system call gets what is left of the call's deadline as its timeout, so a peer that drips one
byte at a time gains nothing. No thread watches, hence nothing to start, to wake or to lose in a
fork.
"""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass

_SEND_BLOCK = 16_384  # one TLS record


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment so many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return time.monotonic() >= self.at

    def left(self) -> float:
        """Seconds until then, always more than 0; TimeoutError when there are none."""
        remaining = self.at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining


class Meter:
    """Bytes that may still be received, first of the answer's head and then of its body."""

    def __init__(self, head: int, refusal: Exception) -> None:
        self._left = head
        self._refusal = refusal
        self.in_body = False
        """The head is complete."""

    def start_body(self, body: int, refusal: Exception) -> None:
        """From here on another budget counts, and the end may come at any time."""
        self._left = body
        self._refusal = refusal
        self.in_body = True

    def cut(self, buffer: memoryview) -> memoryview:
        """As much of the buffer as may be filled; raises the refusal when that is nothing."""
        if self._left <= 0:
            raise self._refusal
        return buffer[: self._left]

    def pay(self, received: int) -> None:
        """Count what arrived. ConnectionError when it is the end (0) of an unfinished head, which
        http.client would take for a short but complete one."""
        if not received and not self.in_body:
            raise ConnectionError
        self._left -= received


class Wire:
    """The part of a socket's interface that http.client uses, bounded in time and bytes."""

    def __init__(self, sock: socket.socket, deadline: Deadline, meter: Meter) -> None:
        self._sock = sock
        self._deadline = deadline
        self._meter = meter

    def sendall(self, data: bytes) -> None:
        """Send in blocks: a TLS socket applies its timeout to a record, not to the whole."""
        view = memoryview(data)
        for start in range(0, len(view), _SEND_BLOCK):
            self._sock.settimeout(self._deadline.left())
            self._sock.sendall(view[start : start + _SEND_BLOCK])

    def makefile(self, mode: str) -> io.BufferedReader:
        """The reader http.client takes the answer from; `mode` is always "rb"."""
        return io.BufferedReader(_Reader(self._sock, self._deadline, self._meter))

    def settimeout(self, timeout: float | None) -> None:
        """Do nothing: the deadline rules, not the libraries above."""

    def close(self) -> None:
        """Close our side; the socket lives on until the reader is closed too."""
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline, meter: Meter) -> None:
        self._sock = sock
        # The socket's own file keeps it open while somebody still reads.
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # always a memoryview from BufferedReader
        room = self._meter.cut(buffer)
        self._sock.settimeout(self._deadline.left())
        received = self._file.readinto(room)
        self._meter.pay(received or 0)
        return received

    def close(self) -> None:
        self._file.close()
        super().close()
