"""The product's invariants as the tests ask for them: of one run, which they know to be whole."""

from __future__ import annotations

from uuid import UUID

from executions.invariants import violations
from executions.models import Execution
from executions.states import EXECUTION_ENDED, ExecutionStatus
from tenants import scope

ENDS = {status.value for status in EXECUTION_ENDED}


def check_ended(execution_id: UUID) -> ExecutionStatus:
    """Assert all invariants, and that the execution has ended; returns how."""
    status = check(execution_id)
    assert status in EXECUTION_ENDED, f"the execution is still {status}"
    return status


def check_family(execution_id: UUID) -> None:
    """Assert all invariants of a run that has ended, and that every run that it began has ended."""
    check_ended(execution_id)
    with scope.operator("a test looks at a run"):
        rows = Execution.objects.filter(parent_id=execution_id)
        children = list(rows.values_list("id", flat=True))
    for child in children:
        check_family(child)


def check(execution_id: UUID) -> ExecutionStatus:
    """Assert all invariants of an execution; returns its status."""
    assert violations(execution_id=execution_id) == []
    with scope.operator("a test looks at a run"):
        return ExecutionStatus(
            Execution.objects.values_list("status", flat=True).get(id=execution_id)
        )
