"""What is done with workflows: the verbs that admin, pages and API share.

All of them work in the open tenant scope. Nothing here evaluates an expression.
"""

from __future__ import annotations

from typing import Literal, TypeGuard
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404
from django.utils.text import slugify

from tenants import services as tenants
from tenants.actions import Action
from tenants.limits import Quota
from tenants.models import User
from tenants.problems import Problem
from tenants.services import audit
from workflows import canonical, documents
from workflows import definition as language
from workflows.checking import TOO_LARGE, Check, check, is_too_large
from workflows.checking import errors as errors  # the doors' names for them
from workflows.checking import limits as limits
from workflows.definition import JSON
from workflows.diff import Diff
from workflows.diff import diff as compare
from workflows.models import Subscription, Workflow, WorkflowVersion

SLUG_LENGTH = 63

Draft = Literal["draft"]


# --- Finding -----------------------------------------------------------------------------------


def listed(*, matching: str = "") -> QuerySet[Workflow]:
    """Live workflows with the number of their current version, without their documents.

    `matching`: only those with this text in their name or slug, in whichever case.
    """
    rows = Workflow.objects.filter(archived_at=None)
    if matching:
        rows = rows.filter(Q(name__icontains=matching) | Q(slug__icontains=matching))
    return rows.select_related("current").defer("draft", "current__definition")


def find(*, slug: str) -> Workflow:
    """The live workflow with this slug. Raises Http404."""
    workflow = (
        Workflow.objects.select_related("current")
        .defer("current__definition")
        .filter(slug=slug, archived_at=None)
        .first()
    )
    if workflow is None:
        raise Http404
    return workflow


def versions(*, workflow: Workflow) -> QuerySet[WorkflowVersion]:
    """The workflow's versions without their documents."""
    rows = WorkflowVersion.objects.filter(workflow=workflow, number__isnull=False)
    return rows.select_related("published_by").defer("definition")


def find_version(*, workflow: Workflow, number: int) -> WorkflowVersion:
    """The version with this number. Raises Http404."""
    versions = WorkflowVersion.objects.select_related("published_by")
    version = versions.filter(workflow=workflow, number=number).first()
    if version is None:
        raise Http404
    return version


# --- Writing the draft -------------------------------------------------------------------------


def create(*, tenant_id: UUID, name: str, definition: JSON, slug: str | None = None) -> Workflow:
    """Make a workflow with this draft, which may still have problems.

    Without a slug one is made from the name. Raises Problem 409 when the slug is taken or the
    tenant has as many as it may, 422 when the definition is no object or cannot be stored.
    """
    draft = _storable(definition)
    chosen = slug or _free_slug(tenant_id, name)
    tenants.check_quota(tenant_id, Quota.WORKFLOWS, Workflow.objects.filter(archived_at=None))
    try:
        with transaction.atomic():
            made = Workflow.objects.create(tenant_id=tenant_id, slug=chosen, name=name, draft=draft)
    except IntegrityError:
        raise Problem(409, "taken", f"There is already a workflow {chosen!r}.") from None
    audit.record(Action.WORKFLOW_CREATED, made, after={"name": name, **_content(made)})
    return made


def rename(*, workflow: Workflow, name: str) -> None:
    """Change what people call it; its slug, and with it every address, stays."""
    old = Workflow.objects.values_list("name", flat=True).get(pk=workflow.pk)
    workflow.name = name
    workflow.save(update_fields=["name", "updated_at"])
    audit.record(Action.WORKFLOW_RENAMED, workflow, before={"name": old}, after={"name": name})


def save_draft(*, workflow: Workflow, definition: JSON, expected_revision: int | None) -> Workflow:
    """Replace the draft if it is still at the expected revision; None stands for any.

    The same document again changes nothing. Raises Problem 412 when somebody else was faster, 422
    as `create` does.
    """
    draft = _storable(definition)
    locked = _lock(workflow)
    _expect(locked, expected_revision)
    if canonical.text(locked.draft) != canonical.text(draft):
        before = _content(locked)
        _set_draft(locked, draft)
        audit.record(Action.WORKFLOW_DRAFTED, locked, before=before, after=_content(locked))
    return locked


def restore(*, workflow: Workflow, number: int) -> Workflow:
    """Copy a version's definition to the draft. Raises Http404 for an unknown number."""
    locked = _lock(workflow)
    version = find_version(workflow=workflow, number=number)
    before = _content(locked)
    _set_draft(locked, version.definition)
    after = {**_content(locked), "version": number}
    audit.record(Action.WORKFLOW_RESTORED, locked, before=before, after=after)
    return locked


def archive(*, workflow: Workflow) -> None:
    """Take it out of use: it starts no more runs, and its slug is free. Its history stays.

    Subscriptions that it is part of are switched off.
    """
    if Workflow.objects.filter(pk=workflow.pk, archived_at=None).update(archived_at=Now()):
        audit.record(Action.WORKFLOW_ARCHIVED, workflow)
    rows = Subscription.objects.filter(Q(workflow=workflow) | Q(source=workflow), enabled=True)
    rows.update(enabled=False, problem=f"The workflow {workflow.slug!r} was archived.")


# --- Checking and publishing -------------------------------------------------------------------


def problems(
    *, tenant_id: UUID, definition: JSON, slug: str | None = None
) -> list[language.Problem]:
    """Everything that is wrong with a definition, as publishing it in this tenant would find.

    `slug` is the workflow's that it is to be, if there is one already.
    """
    return check(tenant_id=tenant_id, definition=definition, slug=slug).problems


def publish(
    *,
    workflow: Workflow,
    by: User | None,
    note: str = "",
    expected_revision: int | None = None,
) -> WorkflowVersion:
    """Freeze the draft into the next version and make it the current one.

    A draft that is the current version's definition and would pin the same versions of other
    workflows publishes nothing: that version is returned.
    Raises Problem 422 with all problems when one is an error, 412 when the draft is no longer at
    the expected revision.
    """
    locked = _lock(workflow)
    _expect(locked, expected_revision)
    digest = canonical.digest(locked.draft)
    checked = check(tenant_id=locked.tenant_id, definition=locked.draft, slug=locked.slug)
    if _is_published(locked.current, digest, checked.pins):
        return locked.current
    _refuse_errors(checked)
    version = WorkflowVersion.objects.create(
        tenant_id=locked.tenant_id,
        workflow=locked,
        number=_last_number(locked) + 1,
        definition=locked.draft,
        digest=digest,
        pins=checked.pins,
        note=note,
        published_by=by,
    )
    before = {"version": locked.current and locked.current.number}
    after = {"version": version.number, "note": note, "sha256": digest}
    audit.record(Action.WORKFLOW_PUBLISHED, locked, before=before, after=after)
    locked.current = version
    locked.save(update_fields=["current", "updated_at"])
    return version


def diff(*, workflow: Workflow, old: int | Draft | None, new: int | Draft | None) -> Diff:
    """What changed from one version (its number) or the draft to another; None is an empty one.

    Raises Http404 for an unknown number.
    """
    return compare(_document(workflow, old), _document(workflow, new))


# --- Parts -------------------------------------------------------------------------------------


def _lock(workflow: Workflow) -> Workflow:
    """The row as it is now, kept from others until the transaction ends. Raises Http404.

    Nothing is joined to it: after a wait for the lock Postgres reads this row anew, and only this.
    """
    rows = Workflow.objects.select_for_update()
    locked = rows.filter(pk=workflow.pk, archived_at=None).first()
    if locked is None:
        raise Http404
    return locked


def _expect(workflow: Workflow, revision: int | None) -> None:
    if revision not in (None, workflow.draft_revision):
        raise Problem(
            412,
            "draft-changed",
            f"The draft is at revision {workflow.draft_revision}, not {revision}: "
            "it was changed meanwhile. Read it again.",
        )


def _content(workflow: Workflow) -> dict[str, object]:
    """What the audit trail keeps of a draft: which one it is, not what is written there."""
    return {"revision": workflow.draft_revision, "sha256": canonical.digest(workflow.draft)}


def _set_draft(workflow: Workflow, draft: dict[str, JSON]) -> None:
    workflow.draft = draft
    workflow.draft_revision += 1  # its row is locked
    workflow.save(update_fields=["draft", "draft_revision", "updated_at"])


def _storable(definition: JSON) -> dict[str, JSON]:
    if not isinstance(definition, dict):
        raise Problem(422, "invalid", "A definition is an object, such as {schema: 1, steps: []}.")
    found = list(documents.unstorable(definition))
    if not found and is_too_large(definition):
        found = [TOO_LARGE]
    if found:
        raise Problem(
            422,
            "invalid",
            "The definition cannot be stored.",
            errors=[problem.as_dict() for problem in found],
        )
    return definition


def _is_published(
    current: WorkflowVersion | None, digest: str, pins: dict[str, str]
) -> TypeGuard[WorkflowVersion]:
    return current is not None and current.digest == digest and current.pins == pins


def _refuse_errors(checked: Check) -> None:
    """Raise Problem 422 with everything that was found if the definition has errors."""
    count = len(errors(checked.problems))
    if checked.definition is None or count:
        raise Problem(
            422,
            "not-publishable",
            f"The draft has {count} error{'s' if count > 1 else ''}, so it cannot be published.",
            errors=[problem.as_dict() for problem in checked.problems],
        )


def _last_number(workflow: Workflow) -> int:
    last = WorkflowVersion.objects.filter(workflow=workflow).aggregate(last=Max("number"))["last"]
    return last or 0


def _document(workflow: Workflow, which: int | Draft | None) -> JSON:
    if which is None:
        return {}
    if which == "draft":
        draft: JSON = workflow.draft
        return draft
    definition: JSON = find_version(workflow=workflow, number=which).definition
    return definition


def _free_slug(tenant_id: UUID, name: str) -> str:
    base = slugify(name.replace("_", " "))[:SLUG_LENGTH].strip("-") or "workflow"
    rows = Workflow.objects.filter(tenant_id=tenant_id, archived_at=None, slug__startswith=base)
    taken = set(rows.values_list("slug", flat=True))
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base[: SLUG_LENGTH - 5].rstrip('-')}-{number}"
    return slug
