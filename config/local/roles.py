"""The roles and the database of a cluster of our own."""

from __future__ import annotations

from psycopg import sql

from config.local.home import PROJECT
from config.local.postgres import Postgres

ROLES = PROJECT / "tenants" / "roles.sql"
DATABASE = "stepwell"
APP, OWNER = "stepwell_app", "stepwell_owner"


def create(postgres: Postgres, database: str = DATABASE) -> None:
    """Make the database, its roles and what they may do in it; run again it changes nothing."""
    name = sql.Identifier(database)
    with postgres.connect() as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    with postgres.connect(database) as connection:
        connection.execute(ROLES.read_bytes())
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(OWNER))
        )
