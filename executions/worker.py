"""A worker's life: claim, run, record, until nothing is ready."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from executions import failpoints, runner, services
from executions.hands import Hands
from executions.runs import Attempt, Claim
from tenants.keyring import KeyRingError
from tenants.scope import AWAY
from workflows.definition import JSON
from workflows.steps.base import Error, Failed

log = structlog.get_logger(__name__)

# How long a result is kept while Postgres is away; less than a lease's margin.
RECORD_SECONDS = 10.0
HANDS = 2  # threads of a process that think at a time

_T = TypeVar("_T")
_hands = Hands(HANDS)


class Watch:
    """Whoever started a thread hears how it goes. This one does not care."""

    def leaving(self) -> bool:
        """Whether to take no further step."""
        return False

    def claiming(self) -> int:
        """The thread is about to ask for work: for how many further threads, too.

        They are kept free until `share`.
        """
        return 0

    def more(self) -> None:
        """There is work for another thread."""

    def share(self, claims: Sequence[Claim], kept_free: int) -> Sequence[Claim]:
        """Have further threads run what was claimed for them; what comes back none can take."""
        return claims

    def took(self, claim: Claim) -> None:
        """The thread has this step now."""

    def gave_back(self, claim: Claim) -> None:
        """The thread is done with the step, whatever came of it."""


def drain(worker_id: UUID, watch: Watch | None = None, claim: Claim | None = None) -> None:
    """Work until nothing is ready, or until the watch is leaving; first on what is claimed already.

    A database that is away ends it: the sweeper starts the next.
    """
    try:
        with _hands.held():
            _work(worker_id, watch or Watch(), deque([claim] if claim else []))
    except AWAY as error:
        log.warning("the database is away", error=type(error).__name__)
        connection.close()


def _work(worker_id: UUID, watch: Watch, claims: deque[Claim]) -> None:
    try:
        while claims or not watch.leaving():
            if not claims:
                claims.extend(_claim(worker_id, watch))
                if not claims:
                    break
            following = _step(claims.popleft(), worker_id, watch)
            if following is not None:
                watch.took(following)  # at once: it may be a while until our next turn
                claims.appendleft(following)
            if _hands.wanted():
                with _outside():
                    pass  # the others have their turn
    finally:
        for claim in claims:
            watch.gave_back(claim)


def _claim(worker_id: UUID, watch: Watch) -> list[Claim]:
    """What this thread is to run: one step, and those that no other thread can have."""
    claims: list[Claim] = []
    kept_free = watch.claiming()
    try:
        claims = services.claim_several(worker_id, most=1 + kept_free)
    finally:
        left = watch.share(claims[1:], kept_free)
    if claims and claims[0].more:
        watch.more()
    return [*claims[:1], *left]


def _step(claim: Claim, worker_id: UUID, watch: Watch) -> Claim | None:
    watch.took(claim)
    failpoints.hit("after_claim")
    try:
        attempt = _try(claim)
        failpoints.hit("after_http_before_commit")
        return _insist(partial(_record, claim, attempt, None if watch.leaving() else worker_id))
    except runner.LeaseLostError:
        return None
    finally:
        watch.gave_back(claim)


def _try(claim: Claim) -> Attempt:
    try:
        given = services.gather(claim)
    except KeyRingError as error:
        log.error("a secret cannot be opened", step=claim.key, reason=str(error))
        unreadable = Error("config", "A secret of this step cannot be opened. Store it anew.")
        return Attempt(Failed(unreadable), datetime.now(UTC), elapsed_ms=0)
    return runner.run(claim, given, partial(_mark_sending, claim), _outside)


def _mark_sending(claim: Claim, sent: JSON) -> bool:
    return _insist(partial(services.mark_sending, claim, sent))


@contextmanager
def _outside() -> Iterator[None]:
    """While a call is out the thread needs neither a hand nor a connection to Postgres."""
    if settings.DATABASE_POOL:
        connection.close()  # back to the pool
    with _hands.laid_down():
        yield


def _record(claim: Claim, attempt: Attempt, worker_id: UUID | None) -> Claim | None:
    try:
        return services.record(claim, attempt, worker_id)
    except AWAY:
        # What this worker knows may be half of what was written: read it again.
        claim.run.seq = -1
        raise


def _insist(write: Callable[[], _T]) -> _T:
    """Try again while the database is away: a step must not fail by it, nor a result be lost."""
    give_up = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            return write()
        except AWAY:
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
