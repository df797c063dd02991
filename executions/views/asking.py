"""What all pages share on which something is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect

from executions.models import Execution
from tenants.access import MemberRequest
from tenants.problems import Problem


def find(execution_id: UUID) -> Execution:
    """The execution. Raises Http404."""
    rows = Execution.objects.select_related("workflow", "version")
    return get_object_or_404(rows.defer("workflow__draft", "version__definition"), id=execution_id)


def posted(request: MemberRequest) -> QueryDict | None:
    """What a form is bound to: nothing, before it was sent."""
    return request.POST if request.method == "POST" else None


@contextmanager
def refusing(request: MemberRequest) -> Iterator[None]:
    """Tell a refusal on the next page, and undo what was begun."""
    try:
        with transaction.atomic():
            yield
    except Problem as problem:
        messages.error(request, " ".join(sentences(problem)))


def to_page(request: MemberRequest, execution: Execution) -> HttpResponse:
    """On to the execution's page."""
    return redirect("executions:detail", request.principal.tenant_slug, execution.id)


def sentences(problem: Problem) -> list[str]:
    """A refusal for people."""
    return [problem.detail, *(_sentence(error) for error in problem.errors)]


def _sentence(error: dict[str, object]) -> str:
    return f"{error.get('step') or error.get('field') or 'body'}: {error.get('message')}"
