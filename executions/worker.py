"""A worker's life: claim, run, record, until nothing is ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connection

from executions import runner, services
from executions.runs import Attempt, Claim

log = structlog.get_logger(__name__)

# Django wraps the errors of its own queries; those of the hot path come as they are.
AWAY = (DatabaseError, InterfaceError, psycopg.Error)
RECORD_SECONDS = (
    10.0  # how long a result is kept while Postgres is away; less than a lease's margin
)

_T = TypeVar("_T")
_draining = 0
_counting = Lock()


def draining() -> int:
    """How many threads of this process are at work."""
    return _draining


def drain(worker_id: UUID) -> None:
    """Work until nothing is ready. A database that is away ends it: the sweeper starts the next."""
    global _draining
    with _counting:
        _draining += 1
    try:
        claim = services.claim(worker_id)
        while claim is not None:
            claim = _step(claim, worker_id) or services.claim(worker_id)
    except AWAY as error:
        log.warning("the database is away", error=type(error).__name__)
        connection.close()
    finally:
        with _counting:
            _draining -= 1


def _step(claim: Claim, worker_id: UUID) -> Claim | None:
    given = services.gather(claim)
    try:
        attempt = runner.run(claim, given, partial(services.mark_sending, claim))
    except runner.LeaseLostError:
        return None
    return _insist(partial(_record, claim, attempt, worker_id))


def _record(claim: Claim, attempt: Attempt, worker_id: UUID) -> Claim | None:
    try:
        return services.record(claim, attempt, worker_id)
    except AWAY:
        # What this worker knows may be half of what was written: read it again.
        claim.run.seq = -1
        raise


def _insist(write: Callable[[], _T]) -> _T:
    """Try again while the database is away: the call is made, its result must not be lost."""
    give_up = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            return write()
        except AWAY:
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
