from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests import environment, servers


@pytest.fixture
def superuser(django_db_setup: None) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's transaction in the test database, undone afterwards."""
    with (
        servers.superuser(environment.DATABASE) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection
