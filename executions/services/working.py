"""The workers themselves: who lives, and how much there is to do."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from executions.models import Execution, StepRun, Worker
from executions.states import STEP_CLAIMABLE, ExecutionStatus
from tenants import scope

KEEP = timedelta(days=1)  # rows of dead workers, for people who look for them


def register(name: str) -> UUID:
    """Enter a worker process; it may claim from now on. Long dead ones are forgotten."""
    Worker.objects.filter(seen_at__lt=Now() - KEEP).delete()
    return Worker.objects.create(name=name).id


def beat(worker_id: UUID) -> bool:
    """Say that the worker lives, by the database's clock. False: it was forgotten."""
    return Worker.objects.filter(id=worker_id).update(seen_at=Now()) == 1


def unregister(worker_id: UUID) -> None:
    """Leave; what the worker still holds is free at once."""
    Worker.objects.filter(id=worker_id).delete()


def is_work_ready() -> bool:
    """Whether a step could be claimed or a run could begin now, over all tenants."""
    with scope.operator("the sweeper looks for work that nobody was woken for"):
        steps = StepRun.objects.filter(status__in=STEP_CLAIMABLE, due_at__lte=Now())
        runs = Execution.objects.filter(
            status=ExecutionStatus.QUEUED, item_index=None, held=False, due_at__lte=Now()
        )
        return steps.exists() or runs.exists()
