"""Taking work: a lease on the next step over all tenants, and what its templates read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import UUID

from executions import transitions
from executions.engine import StepState
from executions.models import StepRun
from executions.plan import Reads
from executions.runs import Claim, Run, Settings, StepFacts
from executions.services.plans import plan_for
from executions.states import STEP_ENDED, ExecutionStatus, StepStatus
from executions.transitions import Picked, Taken
from tenants import scope
from tenants import services as tenant_services


def claim(worker_id: UUID) -> Claim | None:
    """Lease the step that is to run next; None when nothing is ready.

    First among executions that no one else holds just now, then waiting for one that is held:
    ten branches of one run must not pass each other over.
    """
    return _claim(worker_id, wait=False) or _claim(worker_id, wait=True)


def _claim(worker_id: UUID, *, wait: bool) -> Claim | None:
    while True:
        with scope.prepared_transaction() as db:
            db.enter_operator()
            picked = transitions.pick(db, wait=wait)
            if picked is None:
                return None
            db.enter_tenant(picked.tenant_id)
            taken = transitions.take(
                db,
                tenant_id=picked.tenant_id,
                execution_id=picked.execution_id,
                worker_id=worker_id,
            )
        # None: another worker took the execution's last due step while we waited for its lock.
        if taken is not None:
            return _claimed(picked, taken)


def _claimed(picked: Picked, taken: Taken) -> Claim:
    states = states_of((key, *state) for key, state in json.loads(taken.states).items())
    run = Run(
        tenant_id=picked.tenant_id,
        execution_id=picked.execution_id,
        plan=plan_for(picked.tenant_id, taken.version_id),
        status=ExecutionStatus.RUNNING,
        seq=taken.last_seq,
        states={**states, taken.key: StepState(StepStatus.RUNNING)},
        trigger=json.loads(taken.trigger),
        execution={
            "id": str(picked.execution_id),
            "workflow": taken.workflow_slug,
            "version": taken.version_number,
            "started_at": taken.created_at.isoformat(timespec="milliseconds"),
        },
        tenant={"slug": taken.tenant_slug, "name": taken.tenant_name},
    )
    return Claim(run, taken.step_id, taken.key, taken.fence, taken.attempt, picked.more)


def states_of(rows: Iterable[tuple[str, str, str | None]]) -> dict[str, StepState]:
    """The result of `transitions.states` as decisions take it."""
    return {key: StepState(StepStatus(status), outcome) for key, status, outcome in rows}


def gather(claim: Claim) -> Settings:
    """Fetch what the step's templates read and this worker does not have in hand."""
    run, reads = claim.run, claim.run.plan.reads[claim.key]
    if not (reads.steps - run.facts.keys() or reads.secrets or reads.variables):
        return Settings()
    with scope.tenant(run.tenant_id):
        fetch_facts(run, reads)
        return Settings(
            secrets=(
                tenant_services.secret_values(run.tenant_id, reads.secrets) if reads.secrets else {}
            ),
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
        execution_id=run.execution_id,
        status__in=STEP_ENDED,
        key__in=missing,
    ).values_list("key", "outcome", "output", "error")
    for key, outcome, output, error in rows:
        run.facts[key] = StepFacts(output=output, outcome=outcome, error=error)
