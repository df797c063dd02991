"""The sweeper: mends what faults leave behind. Safe to run in any number of copies.

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
    services.forget_workers()
    return services.is_work_ready()


@contextmanager
def _alone(what: str, execution_id: UUID) -> Iterator[None]:
    """An execution that cannot be mended must not keep the pass from the others."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("an execution could not be mended", what=what, execution=str(execution_id))
