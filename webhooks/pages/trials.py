"""The page on which a workflow's draft listens."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tenants.access import MemberRequest, needs
from tenants.problems import Problem
from tenants.roles import Permission
from webhooks import trials
from webhooks.models import Endpoint
from webhooks.trial_forms import ListenForm
from workflows import services as workflow_services
from workflows.models import Workflow


@needs(Permission.EDIT)
def test(request: MemberRequest, slug: str) -> HttpResponse:
    """Listen, go on, stop; and see what came in."""
    workflow = workflow_services.find(slug=slug)
    form = ListenForm(request.POST or None, _endpoints(workflow))
    if request.method == "POST" and form.is_valid():
        return _act(request, workflow, form)
    return _page(request, workflow, form)


def _act(request: MemberRequest, workflow: Workflow, form: ListenForm) -> HttpResponse:
    given = form.cleaned_data
    try:
        if given["action"] == "listen":
            endpoint_id = UUID(given["endpoint"]) if given["endpoint"] else None
            by = request.principal.label
            opened = trials.listen(workflow=workflow, endpoint_id=endpoint_id, by=by)
            # Not on a page of its own: the secret goes into no session and no message.
            return _page(request, workflow, form, opened.secret)
        act = {"extend": trials.extend, "stop": trials.stop}[given["action"]]
        act(workflow=workflow)
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("webhooks:test", request.principal.tenant_slug, workflow.slug)


def _page(
    request: MemberRequest, workflow: Workflow, form: ListenForm, secret: str = ""
) -> HttpResponse:
    found = workflow_services.problems(
        tenant_id=workflow.tenant_id, definition=workflow.draft, slug=workflow.slug
    )
    shown = {
        "form": form,
        "secret": secret,
        "problems": workflow_services.errors(found),
        "tenant_slug": request.principal.tenant_slug,
    }
    return render(request, "webhooks/test.html", {**_shown(workflow), **shown})


def _shown(workflow: Workflow) -> dict[str, object]:
    address = trials.latest(workflow=workflow)
    if address is None:
        return {"workflow": workflow, "address": None}
    return {
        "workflow": workflow,
        "address": address,
        "url": trials.url(address),
        "scheme": trials.scheme(address),
        "is_listening": trials.is_listening(address),
        "requests": trials.requests(address=address),
    }


def _endpoints(workflow: Workflow) -> list[Endpoint]:
    return list(Endpoint.objects.filter(workflow=workflow))
