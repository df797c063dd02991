"""The load: requests made beforehand, sent over raw sockets, each client one after another."""

from __future__ import annotations

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from config.local.loopback import HOST

# One sender begins after another. Of sixteen that connect within the same millisecond often all
# come to one of two processes, and stay there, as those of the world do not.
APART_SECONDS = 0.001
SILENCE_SECONDS = 30.0  # no answer to anybody for so long: the server hangs


class BrokenAnswerError(Exception):
    """The server closed a connection without an answer, or fell silent."""


@dataclass
class Load:
    """What came of it. Latencies are seconds from the first byte sent to the last received."""

    latencies: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)  # head and body
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the generator itself

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds


class Client:
    """One sender: at most one request under way. Without `keep_alive` each has its connection.

    It connects when it has something to send.
    """

    def __init__(self, port: int, *, keep_alive: bool) -> None:
        self._address = (HOST, port)
        self._keep_alive = keep_alive
        self.socket = socket.socket()
        self.socket.close()

    def _connect(self) -> None:
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.started = time.perf_counter()
        if self.socket.fileno() < 0:
            self._connect()
        self._received = b""
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The answer once it is whole. Raises BrokenAnswerError."""
        part = self.socket.recv(65536)
        if not part:
            raise BrokenAnswerError(f"closed after {self._received[:200]!r}")
        self._received += part
        if not _is_whole(self._received):
            return None
        if not self._keep_alive:
            self.socket.close()
        return self._received

    def ask(self, request: bytes) -> bytes:
        """Send and wait for the answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer

    def close(self) -> None:
        self.socket.close()


def drive(
    port: int, requests: Iterable[bytes], *, clients: int, seconds: float, keep_alive: bool = True
) -> Load:
    """Send as fast as `clients` can until `seconds` are over or all is sent; waits for the last."""
    senders = deque(Client(port, keep_alive=keep_alive) for _ in range(clients))
    gc.collect()
    gc.disable()  # a pause of ours is none of theirs
    try:
        return _drive(senders, iter(requests), seconds)
    finally:
        gc.enable()
        for sender in senders:
            sender.close()


def _drive(senders: Iterable[Client], requests: Iterator[bytes], seconds: float) -> Load:
    load = Load()
    waiting: dict[int, Client] = {}
    poll = select.epoll()
    cpu, started = time.process_time(), time.perf_counter()

    def send_next(sender: Client) -> None:
        request = next(requests, None) if time.perf_counter() - started < seconds else None
        if request is not None:
            sender.send(request)
            waiting[sender.socket.fileno()] = sender
            poll.register(sender.socket, select.EPOLLIN)

    beginning = iter(senders)
    while True:
        following = next(beginning, None)
        if following is not None:
            send_next(following)
        if not waiting:
            break
        ready = poll.poll(SILENCE_SECONDS if following is None else APART_SECONDS)
        if not ready and following is None:
            raise BrokenAnswerError(f"no answer for {SILENCE_SECONDS:g} s")
        for number, _ in ready:
            sender = waiting[number]
            answer = sender.receive()
            if answer is not None:
                load.latencies.append(time.perf_counter() - sender.started)
                load.answers.append(answer)
                del waiting[number]
                if sender.socket.fileno() >= 0:
                    poll.unregister(number)
                send_next(sender)
    poll.close()
    load.seconds, load.cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return load


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    return len(body) >= int(after.split(b"\r\n", 1)[0])
