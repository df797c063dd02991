"""The servers a Stepwell on this machine needs: its own, or those named by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.local import roles
from config.local.errors import RunnerError
from config.local.home import Home
from config.local.postgres import Postgres
from config.local.processes import Supervisor
from config.local.valkey import Valkey

NO_OWNER = """\
DATABASE_URL is set, so DATABASE_OWNER_URL must be too: migrations run as the owner of the tables.
Once, as a superuser of that server, create the database and the roles:
    createdb stepwell
    psql -d stepwell -f tenants/roles.sql
    psql -d stepwell -c "ALTER DATABASE stepwell OWNER TO stepwell_owner"
    psql -d stepwell -c "ALTER ROLE stepwell_owner PASSWORD '...'" \\
                     -c "ALTER ROLE stepwell_app PASSWORD '...'"
Then: DATABASE_URL=postgres://stepwell_app:...@host/stepwell
      DATABASE_OWNER_URL=postgres://stepwell_owner:...@host/stepwell"""


@dataclass(frozen=True)
class Servers:
    """None stands for a server that the environment names."""

    postgres: Postgres | None
    valkey: Valkey | None

    @classmethod
    def missing(cls, home: Home, environment: Mapping[str, str]) -> Servers:
        """The servers that the environment does not name."""
        if environment.get("DATABASE_URL") and not environment.get("DATABASE_OWNER_URL"):
            raise RunnerError(NO_OWNER)
        return cls(
            postgres=None if environment.get("DATABASE_URL") else Postgres.of(home),
            valkey=None if environment.get("REDIS_URL") else Valkey.of(home),
        )

    def start(self, supervisor: Supervisor) -> None:
        """Start them, wait until they answer, and make the database and its roles."""
        if self.postgres:
            self.postgres.initialise()
        started = [
            (server, supervisor.start(server.command()))
            for server in (self.postgres, self.valkey)
            if server
        ]
        for server, child in started:
            server.wait_ready(child)
        if self.postgres:
            roles.create(self.postgres)

    def urls(self) -> dict[str, str]:
        """The variables by which the product finds them."""
        urls = {}
        if self.postgres:
            urls["DATABASE_URL"] = self.postgres.url(roles.APP, roles.DATABASE)
            urls["DATABASE_OWNER_URL"] = self.postgres.url(roles.OWNER, roles.DATABASE)
        if self.valkey:
            urls["REDIS_URL"] = self.valkey.url()
        return urls

    def __str__(self) -> str:
        names = [*(["Postgres"] if self.postgres else []), *(["Valkey"] if self.valkey else [])]
        return " and ".join(names)
