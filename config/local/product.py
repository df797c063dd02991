"""The product's own processes, as `make run` starts them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping

from config.local.home import PROJECT, Home
from config.local.loopback import HOST
from config.local.processes import Command

POOL = "15"  # connections to Postgres that one process may hold
WORKER_POOL = "6"  # a worker's threads give theirs back while their calls are out


def commands(home: Home, environment: Mapping[str, str]) -> Iterator[Command]:
    """Pages, API, webhooks and sockets in one daphne; workers and beat from one parent."""
    pooled = {**environment, "STEPWELL_DATABASE_POOL": POOL}
    address = ("--bind", HOST, "--port", environment["PORT"])
    asgi = ("daphne", "--verbosity", "0", *address, "config.asgi:application")
    yield _python(home, "web", pooled, *asgi)
    working = {**environment, "STEPWELL_DATABASE_POOL": WORKER_POOL}
    yield _python(home, "workers", working, "config.workers", "--processes", "2", "--beat")


def shop(home: Home, environment: Mapping[str, str], listener: socket.socket) -> Command:
    """The demo's other side; it serves on a socket of ours, so that its address never changes."""
    number = listener.fileno()
    return _python(home, "shop", environment, "config.local.shop", str(number), fds=(number,))


def demo(home: Home, environment: Mapping[str, str]) -> Command:
    """The demo run; it talks to the terminal."""
    return _python(home, "demo", environment, "config.local.demo", terminal=True)


def _python(
    home: Home,
    name: str,
    environment: Mapping[str, str],
    module: str,
    *arguments: str,
    fds: tuple[int, ...] = (),
    terminal: bool = False,
) -> Command:
    return Command(
        name=name,
        argv=(sys.executable, "-m", module, *arguments),
        cwd=PROJECT,
        env=environment,
        log=None if terminal else home.log(name),
        fds=fds,
    )
