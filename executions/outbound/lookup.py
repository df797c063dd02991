"""From a host's name to the addresses it has now."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import cast

from executions.outbound.wire import Deadline

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Found = list[tuple[socket.AddressFamily, SocketAddress]]
Lookup = Callable[[str, int], Found]


def system_lookup(host: str, port: int) -> Found:
    """Ask the operating system; OSError or UnicodeError when the name has no address."""
    return _ask(host, port)


def addresses(host: str, port: int, lookup: Lookup, deadline: Deadline) -> Found:
    """Every address of the host; OSError (TimeoutError too) or UnicodeError when it has none.

    The system's lookup cannot be interrupted, so it runs in a thread that is left behind when
    time is up. Numbers, in any of the spellings the system reads as an address, need no lookup.
    """
    return _numeric(host, port) or _within(deadline, lookup, host, port)


def _numeric(host: str, port: int) -> Found:
    try:
        return _ask(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _ask(host: str, port: int, flags: int = 0) -> Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, cast("SocketAddress", address)) for family, _, _, _, address in found]


def _within(deadline: Deadline, lookup: Lookup, host: str, port: int) -> Found:
    answer: Future[Found] = Future()

    def ask() -> None:
        try:
            answer.set_result(lookup(host, port))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="outbound-lookup", daemon=True).start()
    return answer.result(timeout=deadline.left())
