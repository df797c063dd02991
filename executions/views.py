"""Executions: the list, one of them live, and starting one by hand."""

from __future__ import annotations

import json
from typing import NoReturn
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from executions import callbacks, events, presentation
from executions.forms import FilterForm, PositionForm, RunForm
from executions.models import Execution
from executions.services import answer
from executions.services.starting import start
from tenants.access import MemberRequest, needs
from tenants.masking import masked_headers
from tenants.problems import Problem, respond
from tenants.roles import Permission
from workflows import documents
from workflows import services as workflow_services
from workflows.definition import JSON
from workflows.models import Workflow

PAGE = 50
UNKNOWN = "There is no step that waits for a call at this address."
SHOWN_IN_A_LIST = ("status", "trigger_kind", "created_at", "started_at", "finished_at")


@require_safe
@needs(Permission.VIEW)
def listing(request: MemberRequest) -> HttpResponse:
    """A tenant's executions, newest first, page by page without counting them."""
    slugs = Workflow.objects.order_by("slug").values_list("slug", flat=True).distinct()
    form = FilterForm(request.GET, list(slugs))
    lookups = form.lookups() if form.is_valid() else {}
    rows = (
        Execution.objects.filter(**lookups)
        .select_related("workflow")
        .only(*SHOWN_IN_A_LIST, "workflow__slug", "workflow__name")
    )
    found = list(rows[: PAGE + 1])
    older = request.GET.copy()
    older["before"] = str(found[PAGE - 1].id) if len(found) > PAGE else ""
    context = {
        "form": form,
        "executions": found[:PAGE],
        "older": older.urlencode() if older["before"] else "",
        "filtered": bool(lookups),
    }
    return render(request, "executions/list.html", context)


@require_safe
@needs(Permission.VIEW)
def detail(request: MemberRequest, execution_id: UUID) -> HttpResponse:
    """One execution: its graph, its steps and its events, kept up to date over a socket."""
    form = PositionForm(request.GET)
    after = form.cleaned_data["after"] if form.is_valid() else 0
    # The events first: what is read later is at least as new, so the live part mends the rest.
    found = events.read(execution_id, after or 0)
    try:
        page = presentation.present(execution_id)
    except Execution.DoesNotExist:
        raise Http404 from None
    context = {
        "page": page,
        "events": found,
        "last_seq": found[-1]["seq"] if found else 0,
        "more": len(found) == events.PAGE,
        "body": presentation.trigger_body(execution_id),
        "tenant_slug": request.principal.tenant_slug,
    }
    return render(request, "executions/detail.html", context)


@needs(Permission.RUN)
def run(request: MemberRequest, slug: str) -> HttpResponse:
    """Start a workflow by hand with a body that is typed in."""
    workflow = workflow_services.find(slug=slug)
    form = RunForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            execution = start(
                workflow=workflow,
                kind="manual",
                body=form.cleaned_data["body"],
                by=request.principal.label,
            )
        except Problem as problem:
            form.add_error("body", _sentences(problem))
        else:
            return redirect("executions:detail", request.principal.tenant_slug, execution.id)
    schema = workflow.current.definition.get("input") if workflow.current else None
    context = {
        "workflow": workflow,
        "form": form,
        "input_schema": json.dumps(schema, indent=2) if schema else "",
    }
    return render(request, "executions/run.html", context)


@csrf_exempt  # the address itself says who calls
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """Give a step the call that it waits for: 200, once."""
    try:
        step = callbacks.read(token)
        if step is None:
            raise Problem(404, "not-found", UNKNOWN)
        answer(
            step,
            body=_content(request),
            headers=masked_headers({k.lower(): v for k, v in request.headers.items()}),
            query={name: values[0] for name, values in request.GET.lists()},
        )
    except Http404:
        return respond(Problem(404, "not-found", UNKNOWN))
    except Problem as problem:
        return respond(problem)
    return JsonResponse({"execution_id": str(step.execution_id), "step": step.step})


def _content(request: HttpRequest) -> JSON:
    """The body by its declared type: a form's fields, JSON, or else text."""
    if request.content_type == "application/x-www-form-urlencoded":
        return {name: values[0] for name, values in request.POST.lists()}
    try:
        text = request.body.decode()
    except RequestDataTooBig:
        limit = settings.MAX_PAYLOAD_BYTES
        raise Problem(413, "too-large", f"The body may have {limit} bytes at most.") from None
    except UnicodeDecodeError:
        raise Problem(422, "not-text", "The body is not UTF-8.") from None
    if request.content_type not in ("application/json", "") or not text:
        return text or None
    try:
        value: JSON = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(422, "not-json", "The body is not JSON.") from None
    flaw = next(documents.unstorable(value), None)
    if flaw is not None:
        raise Problem(422, "not-json", flaw.message)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _sentences(problem: Problem) -> list[str]:
    return [problem.detail, *(_sentence(error) for error in problem.errors)]


def _sentence(error: dict[str, object]) -> str:
    return f"{error.get('field') or 'body'}: {error.get('message')}"
