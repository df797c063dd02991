"""The system under test: the production processes, on loopback, from this source tree."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from config.local import account, home, loopback, orphans, product
from config.local.home import PROJECT
from config.local.loopback import HOST, NoAnswerError
from config.local.postgres import Postgres
from config.local.processes import Child, Command, Supervisor
from config.local.terminal import complain
from config.local.valkey import Valkey
from tests.benchmarks.usage import Roles, family

START_SECONDS = 60.0
TARGET = "tests.benchmarks.target"


class DeadProcessError(Exception):
    """A process of the system under test does not start, or has ended."""


@dataclass(frozen=True)
class Ports:
    web: int
    live: int
    target: int


class System:
    """gunicorn as in production, daphne for sockets, two workers, beat; and the HTTP target."""

    def __init__(self) -> None:
        self.place = home.create(Path(os.environ["STEPWELL_HOME"]), account.for_postgres())
        self._listener = socket.create_server((HOST, 0), backlog=512)
        self.ports = Ports(_free_port(), _free_port(), self._listener.getsockname()[1])
        self._supervisor = Supervisor(complain)
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Start all and wait until they answer. Raises DeadProcessError."""
        environment = {**os.environ, "STEPWELL_DATABASE_POOL": product.POOL}
        for command in self._commands(environment):
            self._children[command.name] = self._supervisor.start(command)
        for port in (self.ports.web, self.ports.live):
            self._wait_ready(port)

    def close(self) -> None:
        self._supervisor.stop()
        self._listener.close()

    def check(self) -> None:
        """Raises DeadProcessError when a process has ended."""
        for name, child in self._children.items():
            if child.ended() is not None:
                raise DeadProcessError(f"{name} has ended; {self.place.log(name)} says why.")

    def roles(self) -> Roles:
        """Every process of the system, by what it is there for."""
        roles: dict[str, list[int]] = {}
        for name, child in self._children.items():
            role = "workers" if name.startswith("worker") else name
            roles.setdefault(role, []).extend(family(child.pid))
        postgres, valkey = Postgres.of(self.place), Valkey.of(self.place)
        roles["Postgres"] = orphans.servers_in(postgres.data, "postgres")
        roles["Valkey"] = orphans.servers_in(valkey.data, "valkey-server")
        return roles

    def _commands(self, environment: Mapping[str, str]) -> list[Command]:
        on_live_port = {**environment, "PORT": str(self.ports.live)}
        daphne, *others = product.commands(self.place, on_live_port)
        # One daphne does everything for `make run`; in production it only serves sockets.
        live = replace(daphne, name="live", log=self.place.log("live"))
        gunicorn = ("gunicorn", "--config", "docker/gunicorn.conf.py", "config.wsgi")
        bind = ("--bind", f"{HOST}:{self.ports.web}")
        number = self._listener.fileno()
        return [
            self._python("target", environment, TARGET, str(number), fds=(number,)),
            self._python("web", environment, *gunicorn, *bind),
            live,
            *others,
        ]

    def _python(
        self, name: str, environment: Mapping[str, str], *argv: str, fds: tuple[int, ...] = ()
    ) -> Command:
        return Command(
            name=name,
            argv=(sys.executable, "-m", *argv),
            cwd=PROJECT,
            env=environment,
            log=self.place.log(name),
            fds=fds,
        )

    def _wait_ready(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(port):
            self.check()
            if time.monotonic() > deadline:
                raise DeadProcessError(f"Port {port} does not answer; see {self.place.root}/logs.")
            time.sleep(0.1)


def _is_ready(port: int) -> bool:
    try:
        return loopback.request(port, "GET", "/readyz", timeout=5.0).status == 200
    except NoAnswerError:
        return False


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port
