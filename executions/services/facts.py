"""What a run's templates read, and the run itself, as they stand in the database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from executions.engine import StepState
from executions.models import Execution, StepRun
from executions.plan import Reads
from executions.rows import RunRow
from executions.runs import Claim, Item, Run, Settings, StepFacts
from executions.services.plans import plan_for
from executions.states import STEP_ENDED, ExecutionStatus, StepStatus
from tenants import scope
from tenants import services as tenant_services
from tenants.hosts import Hosts
from workflows.definition import JSON


def run_of(
    tenant_id: UUID,
    execution_id: UUID,
    row: RunRow,
    *,
    status: ExecutionStatus,
    seq: int,
    states: dict[str, StepState],
) -> Run:
    """A run as a worker holds it. Opens the tenant's scope only for what must be read."""
    trigger: JSON = json.loads(row.trigger)
    item, created_at = None, row.created_at
    if row.item_index is not None and isinstance(trigger, dict):
        around, outer, created_at = _around(tenant_id, row)
        item, trigger = Item(trigger["item"], row.item_index, around), outer
    return Run(
        tenant_id=tenant_id,
        execution_id=execution_id,
        version_id=row.version_id,
        workflow_id=row.workflow_id,
        kind=row.kind,
        plan=plan_for(tenant_id, row.version_id, row.parent_step if item else None),
        status=status,
        seq=seq,
        states=states,
        trigger=trigger,
        execution=_named(row, execution_id if item is None else item.around[-1], created_at),
        tenant={"slug": row.tenant_slug, "name": row.tenant_name},
        key_root=row.key_root or str(execution_id),
        depth=row.depth,
        has_parent=row.parent_id is not None,
        limited=row.limited,
        test=row.test,
        item=item,
        egress=Hosts(tuple(row.egress_hosts)),
    )


def _named(row: RunRow, execution_id: UUID, created_at: datetime) -> dict[str, JSON]:
    """`execution` as expressions see it."""
    return {
        "id": str(execution_id),
        "workflow": row.workflow_slug,
        "version": row.version_number,
        "started_at": created_at.isoformat(timespec="milliseconds"),
    }


def _around(tenant_id: UUID, row: RunRow) -> tuple[tuple[UUID, ...], JSON, datetime]:
    """The runs around an item's, the nearest first; trigger and creation of the outermost."""
    around: list[UUID] = []
    parent_id, index, trigger, created_at = row.parent_id, row.item_index, None, row.created_at
    with scope.tenant(tenant_id):
        while parent_id is not None and index is not None:
            around.append(parent_id)
            parent_id, index, trigger, created_at = Execution.objects.values_list(
                "parent_id", "item_index", "trigger", "created_at"
            ).get(id=parent_id)
    return tuple(around), trigger, created_at


def states_of(rows: Iterable[tuple[str, str, str | None]]) -> dict[str, StepState]:
    """The result of `transitions.states` as decisions take it."""
    return {key: StepState(StepStatus(status), outcome) for key, status, outcome in rows}


def gather(claim: Claim) -> Settings:
    """Fetch what the step's templates read and this worker does not have in hand."""
    run, reads = claim.run, claim.run.plan.reads[claim.key]
    names = run.plan.secrets if run.plan.step_type(claim.key).takes_secrets else None
    if not (reads.steps - run.facts.keys() or names or reads.variables):
        return Settings()
    with scope.tenant(run.tenant_id):
        fetch_facts(run, reads)
        secrets = tenant_services.open_secrets(run.tenant_id, names) if names else {}
        return Settings(
            secrets={name: secret.value for name, secret in secrets.items()},
            hosts={name: secret.hosts for name, secret in secrets.items()},
            variables=(tenant_services.variable_values(run.tenant_id) if reads.variables else {}),
        )


def fetch_facts(run: Run, reads: Reads) -> None:
    """Fetch the results of other steps into `run.facts`, in the open tenant scope.

    Only of those that have ended: what is kept must never change.
    """
    missing = reads.steps - run.facts.keys()
    if not missing:
        return
    rows = StepRun.objects.filter(
        tenant_id=run.tenant_id,
        execution_id__in=run.around,
        status__in=STEP_ENDED,
        key__in=missing,
    ).values_list("key", "outcome", "output", "error")
    for key, outcome, output, error in rows:
        run.facts[key] = StepFacts(output=output, outcome=outcome, error=error)
