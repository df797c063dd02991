"""What a webhook's caller is answered: that it is stored, how its run ended, or what its respond
step says.

A duplicate is answered as the first was, from what the run has stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.utils.log import log_response

from executions import services as executions
from executions import waiting
from executions.states import ExecutionStatus
from tenants import problems
from webhooks.incoming import Received
from webhooks.models import ACK, RESPOND, RESULT

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
    if received.paused:
        facts["paused"] = True
    if received.answer == ACK or execution_id is None:
        return JsonResponse(facts, status=200 if received.duplicate else 202)
    found = waiting.until(
        partial(_FINDERS[received.answer], execution_id, facts),
        tenant_id=received.tenant_id,
        execution_id=execution_id,
        seconds=settings.MAX_WAIT_SECONDS,
    )
    return JsonResponse(facts, status=202) if found is None else found


def _result(execution_id: UUID, facts: Facts) -> HttpResponse | None:
    ended = executions.outcome(execution_id)
    if ended is None:
        return None
    if ended.status != ExecutionStatus.SUCCEEDED:
        return _failed(ended.status, facts)
    return JsonResponse({**facts, "status": ended.status, "output": ended.output})


def _response(execution_id: UUID, facts: Facts) -> HttpResponse | None:
    # In this order: once a run has ended, all that its steps said is there to be seen.
    ended = executions.outcome(execution_id)
    said = executions.response(execution_id)
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
    """A respond step's output, sent. The step has checked its status and headers."""
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


_FINDERS: dict[str, Callable[[UUID, Facts], HttpResponse | None]] = {
    RESULT: _result,
    RESPOND: _response,
}
