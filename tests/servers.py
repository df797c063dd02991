"""The Postgres and Valkey of a test session, and the databases in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache

import psycopg
import redis
from psycopg import sql

from config.local import account, home, roles
from config.local.postgres import Postgres
from config.local.processes import Supervisor
from config.local.valkey import Valkey
from tests import environment

# Nothing of a session is to outlive a crash of its Postgres, so nothing waits for the disk.
FORGETFUL = ("-c", "fsync=off", "-c", "full_page_writes=off")
# What a migration wrote and a test never changes.
KEPT = ("django_migrations", "django_content_type", "auth_permission")


class Servers:
    """Started by the process that owns the session, once it is known that a test needs them."""

    def __init__(self) -> None:
        self._supervisor = Supervisor(lambda line: None)
        self._started = False

    def start(self) -> None:
        if self._started:
            return
        self._started = True
        place = home.create(environment.HOME, account.for_postgres())
        postgres, valkey = Postgres.of(place), Valkey.of(place)
        postgres.initialise()
        command = postgres.command()
        commands = (replace(command, argv=(*command.argv, *FORGETFUL)), valkey.command())
        children = [self._supervisor.start(each) for each in commands]
        postgres.wait_ready(children[0])
        valkey.wait_ready(children[1])
        roles.create(postgres, environment.TEMPLATE)
        _migrate_template()

    def stop(self) -> None:
        self._supervisor.stop()
        shutil.rmtree(environment.HOME, ignore_errors=True)


def create_database(name: str = environment.DATABASE) -> None:
    """A copy of the migrated database: by default the one of this worker."""
    with superuser("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name),
                sql.Identifier(environment.TEMPLATE),
                sql.Identifier(environment.OWNER),
            )
        )


def delete_rows() -> None:
    """Empty every table. Only a superuser is above row-level security and append-only triggers."""
    assert environment.DATABASE.startswith("test_")
    with superuser(environment.DATABASE) as connection:
        connection.execute(_deletions())


@cache
def _deletions() -> sql.Composed:
    """All in one, for it is done hundreds of times: several statements are one transaction."""
    with superuser(environment.DATABASE) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)",
            [list(KEPT)],
        ).fetchall()
    deletions = [
        sql.SQL("DELETE FROM {}").format(sql.Identifier(str(table))) for (table,) in tables
    ]
    return sql.SQL("; ").join([sql.SQL("SET LOCAL session_replication_role = replica"), *deletions])


def flush_valkey() -> None:
    with redis.Redis.from_url(environment.variables()["REDIS_URL"]) as client:
        client.flushdb()


def superuser(database: str) -> psycopg.Connection[tuple[object, ...]]:
    """Above row-level security: to clean up, and to look at the catalogue."""
    url = environment.database_url("postgres", database)
    return psycopg.connect(url, autocommit=True)


def _migrate_template() -> None:
    url = environment.database_url(environment.OWNER, environment.TEMPLATE)
    migrated = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=home.PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_OWNER_URL": url},
        capture_output=True,
        text=True,
    )
    if migrated.returncode:
        raise RuntimeError(f"migrate failed:\n{migrated.stdout}{migrated.stderr}")
