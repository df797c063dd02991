"""Workers and leases that are lost."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from executions import services, sweeper
from executions.models import Execution, Worker
from executions.runs import Claim
from tests import factories
from tests.executions.driving import (
    POST,
    claimed,
    new_worker,
    started,
)
from tests.workflows.definitions import document, step


def silence(worker_id: UUID) -> None:
    """Nothing was heard of the worker for longer than a worker may be silent."""
    seen_at = Now() - timedelta(seconds=settings.WORKER_LOST_SECONDS + 1)
    Worker.objects.filter(id=worker_id).update(seen_at=seen_at)


def running(**more: object) -> tuple[Execution, Claim, UUID]:
    """A run whose one step is in a worker's hands."""
    execution = started(
        factories.make_tenant(), document(step("a", kind="http", config=POST, **more))
    )
    worker_id = new_worker()
    return execution, claimed(worker_id), worker_id


def lose(execution: Execution, *, sent: bool = False) -> Claim:
    """A worker takes the step and is never seen again; the sweeper comes by."""
    worker_id = new_worker()
    claim = claimed(worker_id)
    if sent:
        assert services.mark_sending(claim, {"url": "https://x.example/"})
    services.unregister(worker_id)
    sweeper.sweep()
    return claim
