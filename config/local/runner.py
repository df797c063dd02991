"""`make run`: start everything, show the demo, serve until told to stop, leave nothing behind."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

from config.local import account, environment, home, interrupts, product
from config.local.errors import RunnerError
from config.local.home import Home
from config.local.loopback import HOST
from config.local.migrations import migrate
from config.local.processes import Child, Supervisor
from config.local.servers import Servers
from config.local.terminal import phase, say

TICK = 0.1  # seconds between two looks at the children


def run() -> None:
    """Returns after Ctrl-C, SIGTERM or SIGHUP, with every child gone. Raises RunnerError."""
    _refuse_a_taken_port(environment.port())
    place = home.create(home.configured(), account.for_postgres())
    with home.locked(place.root):
        Runner(place).run()


class Runner:
    """One run. The servers outlive the product's processes, which use them to the last."""

    def __init__(self, place: Home) -> None:
        self._home = place
        self._servers = Servers.missing(place, os.environ)
        self._own = Supervisor(say)
        self._product = Supervisor(say)

    def run(self) -> None:
        interrupts.raise_on_signals()
        try:
            with socket.create_server((HOST, 0)) as listener:
                self._start(listener)
                self._watch(until=lambda: False)
        except KeyboardInterrupt:
            say()
        finally:
            interrupts.ignore()
            with phase("Stopping"):
                self._product.stop()
                self._own.stop()
                home.remove_sockets(self._home)

    def _start(self, shop: socket.socket) -> None:
        say(f"Stepwell's data and logs: {self._home.root}")
        if self._servers.postgres and not self._home.postgres.is_relative_to(self._home.root):
            say(f"Postgres, which can not run as root, keeps its data in {self._home.postgres}")
        if str(self._servers):
            with phase(f"Starting {self._servers}"):
                self._servers.start(self._own)
        variables = environment.variables(self._home, self._servers.urls())
        with phase("Migrating the database"):
            migrate(self._home, self._servers, variables)
        variables["STEPWELL_DEMO_SHOP"] = f"http://{HOST}:{shop.getsockname()[1]}"
        web, workers, *others = product.commands(self._home, variables)
        with phase("Starting web and two workers"):
            for command in (product.shop(self._home, variables, shop), web, workers):
                self._product.start(command)
        self._show_the_demo(variables)
        # Not before: the demo needs none of them, and each would slow it down while it starts.
        for command in others:
            self._product.start(command)
        say(f"ready: http://{HOST}:{variables['PORT']}/")

    def _show_the_demo(self, variables: Mapping[str, str]) -> None:
        demo = Child(product.demo(self._home, variables))
        try:
            self._watch(until=lambda: demo.ended() is not None)
        finally:
            demo.stop()
        if demo.ended():
            say("The demo did not end as it should; Stepwell serves all the same.")

    def _watch(self, until: Callable[[], bool]) -> None:
        while not until():
            self._own.mind()
            self._product.mind()
            time.sleep(TICK)


def _refuse_a_taken_port(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except PermissionError:
        raise RunnerError(f"Port {port} needs root. Choose one above 1023: PORT=8000") from None
    except OSError:
        raise RunnerError(
            f"Port {port} is taken. Choose another: make run PORT={port + 1}"
        ) from None
