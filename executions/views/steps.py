"""Answers of people to steps: what became of a call, whether something is approved."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render

from executions import excerpts, services
from executions.forms import DecisionForm, ResolutionForm
from executions.models import Execution, StepRun
from executions.presentation import step_label
from executions.schema_form import MORE, SchemaForm
from executions.states import StepStatus
from executions.views.asking import find, posted, refusing, sentences, to_page
from tenants.access import MemberRequest, needs
from tenants.problems import Problem
from tenants.roles import Permission


@needs(Permission.RUN)
def resolve(request: MemberRequest, execution_id: UUID, key: str) -> HttpResponse:
    """Show what was sent, and take one of four answers."""
    execution, row = find(execution_id), _row(execution_id, key)
    form = ResolutionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with refusing(request):
            services.resolve(
                tenant_id=execution.tenant_id,
                execution_id=execution.id,
                key=key,
                by=request.principal.label,
                **form.cleaned_data,
            )
            messages.success(request, f"{key} is resolved.")
        return to_page(request, execution)
    context = {
        "execution": execution,
        "row": row,
        "label": step_label(execution, key),
        "sent": excerpts.of(row, "input"),
        "form": form,
        "open": row.status == StepStatus.UNKNOWN,
    }
    return render(request, "executions/resolve.html", context)


@needs(Permission.VIEW)
def decide(request: MemberRequest, execution_id: UUID, key: str) -> HttpResponse:
    """Show what is to be decided, with its form, and take the decision."""
    execution, row = find(execution_id), _row(execution_id, key)
    ask = row.waits.get("ask") or {} if row.waits.get("for") == "approval" else {}
    more = request.POST.get(MORE)
    form = DecisionForm(posted(request)) if more is None else DecisionForm(initial=request.POST)
    fields = SchemaForm(ask.get("form"), posted(request), more=more)
    refusal: list[str] = []
    if form.is_bound and form.is_valid() and _is_filled_in(form, fields):
        refusal = _decide(request, execution, key, form, fields)
        if not refusal:
            return to_page(request, execution)
    context = {
        "execution": execution,
        "row": row,
        "ask": ask,
        "form": form,
        "fields": fields,
        "refusal": refusal,
        "may_decide": services.may_decide(ask, request.principal),
    }
    return render(request, "executions/decide.html", context)


def _is_filled_in(form: DecisionForm, fields: SchemaForm) -> bool:
    return form.cleaned_data["decision"] == "rejected" or fields.is_valid()


def _decide(
    request: MemberRequest, execution: Execution, key: str, form: DecisionForm, fields: SchemaForm
) -> list[str]:
    """Why not, if it is refused."""
    approved = form.cleaned_data["decision"] == "approved"
    try:
        with transaction.atomic():
            services.decide(
                tenant_id=execution.tenant_id,
                execution_id=execution.id,
                key=key,
                by=request.principal,
                data=fields.value() if approved else None,
                **form.cleaned_data,
            )
    except Problem as problem:
        return sentences(problem)
    messages.success(request, f"{key} is {form.cleaned_data['decision']}.")
    return []


def _row(execution_id: UUID, key: str) -> StepRun:
    """The step run, its input as an excerpt. Raises Http404."""
    rows = StepRun.objects.filter(execution_id=execution_id, key=key)
    row = rows.defer("input", "output").annotate(**excerpts.columns("input")).first()
    if row is None:
        raise Http404
    return row
