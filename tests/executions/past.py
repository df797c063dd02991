"""Runs of long ago: copies of a run as it stands, as if it had been started earlier."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from executions.models import Execution
from tests import environment, servers
from tests.copying import COPY


def copies(original: Execution, count: int, age: timedelta) -> list[UUID]:
    """The ids of so many copies, committed, oldest first."""
    values = {"original": original.id, "count": count, "shift": -age}
    with servers.superuser(environment.DATABASE) as connection:
        return [UUID(str(row[0])) for row in connection.execute(COPY, values).fetchall()]


def copy(original: Execution, age: timedelta) -> UUID:
    """The id of one copy."""
    return copies(original, 1, age)[0]
