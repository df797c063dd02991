"""The production processes, on loopback, from this source tree: for benchmarks and fault tests.

They use the servers and the environment of `config.local exec`.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from config.local import account, home, loopback, product
from config.local.home import PROJECT
from config.local.loopback import HOST, NoAnswerError
from config.local.processes import Child, Command, Supervisor
from config.local.terminal import complain
from tests import ports

START_SECONDS = 60.0


class DeadProcessError(Exception):
    """A process of the system under test does not start, or has ended."""


@dataclass(frozen=True)
class Ports:
    web: int
    live: int
    target: int


class Production:
    """gunicorn as in production, daphne for sockets, two workers, beat; and an HTTP target."""

    def __init__(self, target: str, *arguments: str) -> None:
        """`target` is the module of the other side; its last argument is its listening socket."""
        self.place = home.create(Path(os.environ["STEPWELL_HOME"]), account.for_postgres())
        self._listener = socket.create_server((HOST, 0), backlog=512)
        self._held = (ports.held(), ports.held())
        self.ports = Ports(*map(ports.number, (*self._held, self._listener)))
        self._target = (target, *arguments)
        self._supervisor = Supervisor(complain)
        self._children: dict[str, Child] = {}

    def commands(self, environment: Mapping[str, str]) -> dict[str, Command]:
        """`target`, `web`, `live` and `workers`, which include beat."""
        pooled = {**environment, "STEPWELL_DATABASE_POOL": product.POOL}
        on_live_port = {**pooled, "PORT": str(self.ports.live)}
        daphne, *others = product.commands(self.place, on_live_port)
        # One daphne does everything for `make run`; in production it only serves sockets.
        live = replace(daphne, name="live", log=self.place.log("live"))
        gunicorn = ("gunicorn", "--config", "docker/gunicorn.conf.py", "config.wsgi")
        bind = ("--bind", f"{HOST}:{self.ports.web}")
        number = self._listener.fileno()
        target = self.python("target", pooled, *self._target, str(number), fds=(number,))
        web = self.python("web", pooled, *gunicorn, *bind)
        return {command.name: command for command in (target, web, live, *others)}

    def python(
        self, name: str, environment: Mapping[str, str], *argv: str, fds: tuple[int, ...] = ()
    ) -> Command:
        """A module of this source tree as a process with a log of this name."""
        return Command(
            name=name,
            argv=(sys.executable, "-m", *argv),
            cwd=PROJECT,
            env=environment,
            log=self.place.log(name),
            fds=fds,
        )

    def start_all(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._children[command.name] = self._supervisor.start(command)

    def wait_ready(self, port: int) -> None:
        """Wait until `/readyz` says so. Raises DeadProcessError."""
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(port):
            self.check()
            if time.monotonic() > deadline:
                raise DeadProcessError(f"Port {port} does not answer; see {self.place.root}/logs.")
            time.sleep(0.1)

    def check(self) -> None:
        """Raises DeadProcessError when a process has ended."""
        for name, child in self._children.items():
            if child.ended() is not None:
                raise DeadProcessError(f"{name} has ended; {self.place.log(name)} says why.")

    def stop(self) -> None:
        """End all processes; they can be started again."""
        self._supervisor.stop()

    def close(self) -> None:
        self.stop()
        for held in (*self._held, self._listener):
            held.close()


def _is_ready(port: int) -> bool:
    try:
        return loopback.request(port, "GET", "/readyz", timeout=5.0).status == 200
    except NoAnswerError:
        return False
