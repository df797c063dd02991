"""Cancelling at somebody's wish."""

from __future__ import annotations

from functools import partial

from executions.models import Execution
from executions.services.cancelling import cancel
from executions.services.following import after_commit
from tenants import scope
from tenants.actions import Action
from tenants.problems import Problem
from tenants.services import audit


def stop(execution: Execution, *, by: str) -> None:
    """Cancel an execution and all that it started, in the open scope of its tenant.

    Raises Problem 409 if it has ended.
    """
    move = cancel(execution.tenant_id, execution.id, f"Cancelled by {by}.")
    if move is None:
        raise Problem(409, "ended", "The execution has ended already.")
    audit.record(Action.EXECUTION_CANCELLED, execution, before={"status": execution.status})
    scope.on_commit(partial(after_commit, move))
