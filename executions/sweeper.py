"""The sweeper: mends what faults leave behind, fires schedules. Any number of copies may run.

Each worker process runs one in a thread, and beat sends a tick too, so neither is needed. Whatever
a pass finds it changes under the lock of the execution and only if it is still so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from executions import failpoints, services
from executions.services.recovery import LostStep
from tenants import scope
from tenants.scope import AWAY

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Found:
    """What one look found."""

    lost: list[LostStep]
    overdue: list[tuple[UUID, UUID]]
    marked: list[tuple[UUID, UUID]]
    schedules: list[tuple[UUID, UUID]]
    ready: bool

    def __bool__(self) -> bool:
        return bool(self.lost or self.overdue or self.marked or self.schedules or self.ready)


def sweep(*, silent_are_dead: bool = True) -> bool:
    """Make one pass; says whether there was work, or something to mend that may have made some.

    Whether a worker that is silent is dead, the caller must know.
    """
    found = _look(silent_are_dead=silent_are_dead)
    for lost in found.lost:
        with _alone("release", lost.execution_id):
            if services.release(lost):
                log.info("released a lost step", execution=str(lost.execution_id), step=lost.key)
                failpoints.hit("sweeper_mid")
    for tenant_id, execution_id in found.overdue:
        with _alone("time out", execution_id):
            services.end_overdue(tenant_id, execution_id)
    for tenant_id, execution_id in found.marked:
        with _alone("follow up", execution_id):
            services.follow_up(tenant_id, execution_id)
    for tenant_id, schedule_id in found.schedules:
        with _alone("fire", schedule_id):
            services.fire(tenant_id, schedule_id)
    return bool(found)


def _look(*, silent_are_dead: bool) -> _Found:
    """All questions in one transaction: each process asks them once a second."""
    with scope.operator("the sweeper looks for what is to be mended or fired"):
        return _Found(
            lost=services.lost_steps(silent_are_dead=silent_are_dead),
            overdue=services.overdue(),
            marked=services.left_to_follow(),
            schedules=services.due_schedules(),
            ready=services.is_work_ready(),
        )


@contextmanager
def _alone(what: str, ident: UUID) -> Iterator[None]:
    """What cannot be mended or fired must not keep the pass from the others."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("a part of a pass failed", what=what, id=str(ident))
