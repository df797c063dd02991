"""What a webhook's caller is answered: that it is stored, how its run ended, or what its respond
step says.

A duplicate is answered as the first was, from what the run has stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.utils.log import log_response

from executions import services as executions
from executions import waiting
from executions.states import ExecutionStatus
from tenants import problems
from webhooks.models import ACK, RESPOND, RESULT
from webhooks.receive import Received

# An answer comes from the origin where people are signed in: no browser may run anything of it.
SANDBOXED = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
WITHOUT_BODY = frozenset((204, 205, 304))  # RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5

_ENDINGS: dict[str, str] = {
    ExecutionStatus.FAILED: "The execution failed.",
    ExecutionStatus.CANCELLED: "The execution was cancelled.",
    ExecutionStatus.TIMED_OUT: "The execution took longer than it may.",
}

log = logging.getLogger(__name__)  # Django's function wants a logger of this kind

Facts = dict[str, object]


def answer(received: Received) -> HttpResponse:
    """The answer to a delivery that is stored. May wait: to be called outside any scope."""
    execution_id = received.execution_id
    facts: Facts = {
        "delivery_id": str(received.delivery_id),
        "execution_id": execution_id and str(execution_id),
        "status_url": execution_id and f"{settings.PUBLIC_URL}/api/v1/executions/{execution_id}/",
    }
    if received.answer == ACK or execution_id is None:
        return JsonResponse(facts, status=200 if received.duplicate else 202)
    find = _FINDERS[received.answer]
    found = waiting.until(
        lambda: find(received, facts),
        tenant_id=received.tenant_id,
        execution_id=execution_id,
        seconds=settings.MAX_WAIT_SECONDS,
    )
    return found or JsonResponse(facts, status=202)


def _result(received: Received, facts: Facts) -> HttpResponse | None:
    ended = received.execution_id and executions.outcome(received.execution_id)
    if not ended:
        return None
    if ended.status != ExecutionStatus.SUCCEEDED:
        return _failed(ended.status, facts)
    return JsonResponse({**facts, "status": ended.status, "output": ended.output})


def _response(received: Received, facts: Facts) -> HttpResponse | None:
    if received.execution_id is None:
        return None
    # In this order: what ended the run is committed, so a step of it that said something is seen.
    ended = executions.outcome(received.execution_id)
    said = executions.response(received.execution_id)
    if said is not None:
        return _as_said(said)
    if ended is None:
        return None
    if ended.status != ExecutionStatus.SUCCEEDED:
        return _failed(ended.status, facts)
    return JsonResponse({**facts, "status": ended.status})


def _failed(status: str, facts: Facts) -> HttpResponse:
    """Not why: that is for those who may look at the run."""
    document = problems.document(500, "execution-failed", _ENDINGS[status])
    body = {**document, "execution_status": status, **facts}
    return _logged(JsonResponse(body, status=500, content_type=problems.CONTENT_TYPE))


def _as_said(said: Mapping[str, Any]) -> HttpResponse:
    """The output of a respond step as it is sent, whose headers and status it has checked."""
    is_empty = said["status"] in WITHOUT_BODY
    content = b"" if is_empty else said["body"].encode()
    response = HttpResponse(content, status=said["status"])
    del response["Content-Type"]  # Django's guess
    for name, value in {**said["headers"], **SANDBOXED}.items():
        response[name] = value
    return _logged(response)


def _logged(response: HttpResponse) -> HttpResponse:
    """Before Django does, for which each 5xx is a fault of ours."""
    if response.status_code >= 400:
        log_response("a workflow's answer", response=response, logger=log, level="info")
    return response


_FINDERS: dict[str, Callable[[Received, Facts], HttpResponse | None]] = {
    RESULT: _result,
    RESPOND: _response,
}
