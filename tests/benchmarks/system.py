"""The system under test: the production processes and a plain HTTP target."""

from __future__ import annotations

import os

from config.local import orphans
from config.local.postgres import Postgres
from config.local.valkey import Valkey
from tests.benchmarks.usage import Roles, family
from tests.production import Production


class System(Production):
    """All of production, and what its processes are there for."""

    def __init__(self) -> None:
        super().__init__("tests.benchmarks.target")

    def start(self) -> None:
        """Start all and wait until they answer. Raises DeadProcessError."""
        self.start_all(self.commands(os.environ).values())
        for port in (self.ports.web, self.ports.live):
            self.wait_ready(port)

    def roles(self) -> Roles:
        """Every process of the system, by what it is there for."""
        roles = {name: family(child.pid) for name, child in self._children.items()}
        postgres, valkey = Postgres.of(self.place), Valkey.of(self.place)
        roles["Postgres"] = orphans.servers_in(postgres.data, "postgres")
        roles["Valkey"] = orphans.servers_in(valkey.data, "valkey-server")
        return roles
