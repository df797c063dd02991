"""Runs one command with servers and environment, as the tests, benchmarks and a shell need it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.local import account, environment, home, interrupts
from config.local.errors import RunnerError
from config.local.home import Home
from config.local.migrations import migrate
from config.local.processes import Supervisor
from config.local.servers import Servers
from config.local.terminal import complain

PATIENCE = 30.0  # seconds for the command to end after it was told to


def execute(command: Sequence[str], *, temporary: bool) -> int:
    """Run it and return its exit status.

    Temporary servers are empty and vanish with the command. Otherwise those of STEPWELL_HOME are
    started, or used where `make run` runs them already.
    """
    if not temporary:
        return _execute(home.configured(), command)
    root = Path(tempfile.mkdtemp(prefix="stepwell-"))
    try:
        return _execute(root, command)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _execute(root: Path, command: Sequence[str]) -> int:
    place = home.create(root, account.for_postgres())
    servers = Servers.missing(place, os.environ)
    if home.is_locked(place.root):
        return _foreground(command, environment.variables(place, servers.urls()))
    with home.locked(place.root):
        return _with_own_servers(place, servers, command)


def _with_own_servers(place: Home, servers: Servers, command: Sequence[str]) -> int:
    interrupts.raise_on_signals()
    supervisor = Supervisor(complain)
    try:
        servers.start(supervisor)
        variables = environment.variables(place, servers.urls())
        migrate(place, servers, variables)
        return _foreground(command, variables)
    finally:
        interrupts.ignore()
        supervisor.stop()
        home.remove_sockets(place)


def _foreground(command: Sequence[str], variables: Mapping[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=dict(variables))
    except OSError as error:
        raise RunnerError(f"{command[0]} can not be started: {error.strerror}.") from None
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait(PATIENCE)
        raise
    finally:
        process.kill()
