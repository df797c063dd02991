"""Running a draft: a test, which production neither counts nor hears of.

Its steps really act: they call out, with the tenant's secrets, as a published version's would.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from executions import dispatch
from executions.models import Execution
from executions.moves import NewExecution
from executions.services.plans import plan_of
from executions.services.starting import begin, check_input, trigger
from tenants import scope
from tenants.actions import Action
from tenants.services import audit
from tenants.services.audit import Target
from workflows import trials
from workflows.definition import JSON
from workflows.models import Workflow


def run_draft(
    *,
    workflow: Workflow,
    kind: str,
    body: JSON,
    message: str,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, JSON] | None = None,
    execution_id: UUID | None = None,
) -> Execution:
    """Start the workflow's draft as it is now, in the open tenant scope.

    Raises Problem 422 when the draft has errors (`not-runnable`, with what publishing would find)
    or the body is not what its input schema asks for (`input-mismatch`).
    """
    version = trials.snapshot(workflow)
    plan = plan_of(version.id)
    check_input(plan, body)
    begun = begin(
        scope.prepared(),
        tenant_id=workflow.tenant_id,
        plan=plan,
        new=NewExecution(
            workflow_id=workflow.id,
            version_id=version.id,
            kind=kind,
            trigger=trigger(kind=kind, body=body, headers=headers, query=query),
            timeout=plan.definition.limits.timeout,
            test=True,
        ),
        message=message,
        execution_id=execution_id,
    )
    if kind == "manual":  # a person, as in `start`
        target = Target("execution", str(begun.execution_id), str(begun.execution_id))
        after = {"workflow": workflow.slug, "test": True}
        audit.record(Action.EXECUTION_STARTED, target, after=after)
    scope.on_commit(partial(dispatch.wake, begun.ready))
    return Execution.objects.select_related("workflow", "version").get(id=begun.execution_id)
