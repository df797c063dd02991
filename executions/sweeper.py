"""The sweeper: mends what faults leave behind, fires schedules. Any number of copies may run.

Each worker process runs one in a thread, and beat sends a tick too, so neither is needed. Whatever
a pass finds it changes under the lock of the execution and only if it is still so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from executions import failpoints, services
from tenants.scope import AWAY

log = structlog.get_logger(__name__)


def sweep(*, silent_are_dead: bool = True) -> bool:
    """Make one pass; says whether there is a step that could be claimed.

    Whether a worker that is silent is dead, the caller must know.
    """
    for lost in services.lost_steps(silent_are_dead=silent_are_dead):
        with _alone("release", lost.execution_id):
            if services.release(lost):
                log.info("released a lost step", execution=str(lost.execution_id), step=lost.key)
                failpoints.hit("sweeper_mid")
    for tenant_id, execution_id in services.overdue():
        with _alone("time out", execution_id):
            services.end_overdue(tenant_id, execution_id)
    for tenant_id, execution_id in services.left_to_follow():
        with _alone("follow up", execution_id):
            services.follow_up(tenant_id, execution_id)
    for tenant_id, schedule_id in services.due_schedules():
        with _alone("fire", schedule_id):
            services.fire(tenant_id, schedule_id)
    services.forget_workers()
    return services.is_work_ready()


@contextmanager
def _alone(what: str, ident: UUID) -> Iterator[None]:
    """What cannot be mended or fired must not keep the pass from the others."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("a part of a pass failed", what=what, id=str(ident))
