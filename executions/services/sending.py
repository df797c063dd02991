"""The note that is made before a call that must not be repeated blindly."""

from __future__ import annotations

from executions import transitions
from executions.runs import Claim
from tenants import scope
from workflows.definition import JSON


def mark_sending(claim: Claim, sent: JSON) -> bool:
    """Note what is about to be sent; False when the lease is lost and it must not be sent.

    A lease lost without the note means that nothing left, so the step may simply run again; with
    it, the other side may have acted (DESIGN 4.5).
    """
    with scope.prepared_transaction() as db:
        db.enter_tenant(claim.run.tenant_id)
        return transitions.mark_sending(db, claim.step_id, claim.fence, sent)
