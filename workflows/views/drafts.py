"""Writing a workflow: a new one, its draft, the next version."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tenants import scope
from tenants.access import MemberRequest, needs
from tenants.forms import blame
from tenants.problems import Problem
from tenants.roles import Permission
from workflows import canonical, documents, picture, services
from workflows.definition import Problem as Finding
from workflows.forms import EXAMPLE, DraftForm, NewWorkflowForm, PublishForm
from workflows.models import Workflow


@needs(Permission.EDIT)
def new(request: MemberRequest) -> HttpResponse:
    """Make a workflow from a name and a first draft."""
    form = NewWorkflowForm(request.POST or None, initial={"text": EXAMPLE})
    if request.method == "POST" and form.is_valid():
        made = _create(form)
        if made is not None:
            messages.success(request, "The draft is saved. It runs once it is published.")
            return redirect("workflows:draft", request.principal.tenant_slug, made.slug)
    return render(request, "workflows/new.html", {"form": form})


def _create(form: NewWorkflowForm) -> Workflow | None:
    """None: it was refused, and the form says why."""
    given = form.cleaned_data
    try:
        with transaction.atomic():
            return services.create(
                tenant_id=scope.tenant_id(),
                name=given["name"],
                slug=given["slug"] or None,
                definition=given["text"],
            )
    except Problem as problem:
        blame(form, problem)
        return None


@needs(Permission.EDIT)
def draft(request: MemberRequest, slug: str) -> HttpResponse:
    """Write the draft as YAML. It may be saved with problems, which are shown beside it.

    `?of=<execution>` names the run that is to be mended: the draft can be run with its input.
    """
    workflow = services.find(slug=slug)
    written = {
        "name": workflow.name,
        "text": documents.dumps_yaml(canonical.arranged(workflow.draft)),
        "revision": workflow.draft_revision,
    }
    form = DraftForm(request.POST or None, initial=written)
    if request.method == "POST" and form.is_valid() and _save(workflow, form):
        messages.success(request, "Saved.")
        return redirect(request.get_full_path())
    found = _problems(workflow)
    context = {
        "workflow": workflow,
        "of": request.GET.get("of", ""),
        "form": form,
        "problems": found,
        "errors": services.errors(found),
        "changed": workflow.current is None or workflow.current.definition != workflow.draft,
        "picture": picture.plain(workflow.draft),
    }
    return render(request, "workflows/draft.html", context)


def _save(workflow: Workflow, form: DraftForm) -> bool:
    """False: it was refused, and the form says why."""
    given = form.cleaned_data
    try:
        with transaction.atomic():
            if given["name"] != workflow.name:
                services.rename(workflow=workflow, name=given["name"])
            services.save_draft(
                workflow=workflow,
                definition=given["text"],
                expected_revision=given["revision"],
            )
    except Problem as problem:
        blame(form, problem)
        return False
    return True


@needs(Permission.EDIT)
def publish(request: MemberRequest, slug: str) -> HttpResponse:
    """Show what would change, then make the draft the live version."""
    workflow = services.find(slug=slug)
    form = PublishForm(request.POST or None, initial={"revision": workflow.draft_revision})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            with transaction.atomic():
                version = services.publish(
                    workflow=workflow,
                    by=request.user,
                    note=given["note"],
                    expected_revision=given["revision"],
                )
        except Problem as problem:
            messages.error(request, problem.detail)
            return redirect("workflows:publish", request.principal.tenant_slug, slug)
        messages.success(request, f"Version {version.number} is live.")
        return redirect("workflows:detail", request.principal.tenant_slug, slug)
    current = workflow.current.number if workflow.current else None
    found = _problems(workflow)
    context = {
        "workflow": workflow,
        "form": form,
        "problems": found,
        "errors": services.errors(found),
        "diff": services.diff(workflow=workflow, old=current, new="draft"),
    }
    return render(request, "workflows/publish.html", context)


@needs(Permission.EDIT)
def restore(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Ask, then copy a version to the draft."""
    workflow = services.find(slug=slug)
    version = services.find_version(workflow=workflow, number=number)
    if request.method == "POST":
        services.restore(workflow=workflow, number=number)
        messages.success(request, f"The draft is version {number} again. Publish it to go back.")
        return redirect("workflows:draft", request.principal.tenant_slug, slug)
    return render(request, "workflows/restore.html", {"workflow": workflow, "version": version})


def _problems(workflow: Workflow) -> list[Finding]:
    return services.problems(
        tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug
    )
