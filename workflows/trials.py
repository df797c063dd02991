"""Trials of a draft: it is run as it is now, and nothing of it is published.

A run is of a version, so a draft that is tried is kept as one: without a number, in no list, never
current. Retention forgets it after its last run.
"""

from __future__ import annotations

from django.db.models.functions import Now

from tenants.problems import Problem
from workflows import canonical
from workflows.checking import check, errors
from workflows.models import Workflow, WorkflowVersion


def snapshot(workflow: Workflow) -> WorkflowVersion:
    """The draft as a version that a test can run, with what publishing it would pin.

    Raises Problem 422 with all problems when one of them would refuse publication.
    """
    checked = check(tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug)
    count = len(errors(checked.problems))
    if count:
        raise Problem(
            422,
            "not-runnable",
            f"The draft has {count} error{'s' if count > 1 else ''}, so it cannot be run.",
            errors=[problem.as_dict() for problem in checked.problems],
        )
    same = WorkflowVersion.objects.filter(
        tenant_id=workflow.tenant_id,
        workflow=workflow,
        number=None,
        digest=canonical.digest(workflow.draft),
        pins=checked.pins,
    )
    # Touched, not only read: retention then leaves it, or had it before and there is none.
    known = same.order_by("-id").first()
    if known is not None and same.filter(pk=known.pk).update(published_at=Now()):
        return known
    return WorkflowVersion.objects.create(
        tenant_id=workflow.tenant_id,
        workflow=workflow,
        definition=workflow.draft,
        digest=canonical.digest(workflow.draft),
        pins=checked.pins,
    )
