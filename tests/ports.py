"""Ports of this machine, held for the servers that tests start, end and start again."""

from __future__ import annotations

import socket

from config.local.loopback import HOST


def held() -> socket.socket:
    """A port that is nobody else's while this socket is open, whether a server is there or not.

    Nothing listens on it until a server does that sets SO_REUSEADDR, as gunicorn and daphne do. A
    port that is looked for and let go is another's at times, before its server starts.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    return holder


def number(holder: socket.socket) -> int:
    port: int = holder.getsockname()[1]
    return port
