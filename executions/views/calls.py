"""Calls of other systems to steps that wait for one."""

from __future__ import annotations

import json
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executions import callbacks
from executions.services import answer
from tenants.masking import masked_headers
from tenants.problems import Problem, respond
from workflows import documents
from workflows.definition import JSON

UNKNOWN = "There is no step that waits for a call at this address."


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
