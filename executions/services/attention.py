"""What needs a person: calls whose answer is not known, and approvals."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from executions.models import StepRun
from executions.states import StepStatus
from tenants.principals import Principal

# Word for word what the index says.
_NEEDING = Q(status="unknown") | Q(status="waiting", type="approval")


def attention(by: Principal) -> QuerySet[StepRun]:
    """The steps that need a person, of the approvals those that this one may give.

    The newest first, in the open scope of the tenant. Tests of drafts are left to who runs them.
    """
    asked = Q(wait__ask__roles__contains=[by.role.value]) | Q(
        wait__ask__people__contains=[by.label.casefold()]
    )
    rows = StepRun.objects.filter(_NEEDING, asked | Q(status=StepStatus.UNKNOWN))
    return rows.filter(execution__test=False).order_by("-id")
