"""`POST /hooks/<token>/`: raw bytes in, ids out."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from tenants.access import client_of
from tenants.problems import Problem, respond
from webhooks import answers
from webhooks.incoming import Incoming, Received
from webhooks.receive import Challenged, receive
from webhooks.refusals import BROKEN_OFF
from webhooks.trial_receive import note_unread, receive_trial
from workflows.definition import JSON

UNPREFIXED = HttpHeaders.UNPREFIXED_HEADERS  # those that WSGI spells without HTTP_


@csrf_exempt  # a signature, not a cookie, says who calls
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take in a webhook, and answer once it is stored, as its endpoint says."""
    try:
        _refuse_others(request)
        received = _received(request, token)
    except Problem as problem:
        return respond(problem)
    except Challenged as challenged:
        return _plain(challenged.text)
    return answers.answer(received)


@csrf_exempt  # as above
def trial_hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take in a request for a workflow's draft, at an address that listens for a few minutes."""
    try:
        _refuse_others(request)
        incoming = Incoming(_headers(request), _query(request), b"", client_of(request), 0)
        try:
            body, size = _body(request)
        except Problem as problem:
            note_unread(token, incoming, problem)
            raise
        raw_query = request.META.get("QUERY_STRING", "")
        received = receive_trial(token, replace(incoming, body=body, size=size), raw_query)
    except Problem as problem:
        return respond(problem)
    except Challenged as challenged:
        return _plain(challenged.text)
    return answers.answer(received)


def _refuse_others(request: HttpRequest) -> None:
    if request.method != "POST":
        raise Problem(405, "method", "Send webhooks with POST.", headers={"Allow": "POST"})


def _received(request: HttpRequest, token: str) -> Received:
    body, size = _body(request)
    return receive(
        token,
        _headers(request),
        _query(request),
        body,
        raw_query=request.META.get("QUERY_STRING", ""),
        client=client_of(request),
        size=size,
    )


def _plain(text: str) -> HttpResponse:
    """What a sender asked to have back. No browser may take it for a page."""
    safe = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=safe)


def _body(request: HttpRequest) -> tuple[bytes, int]:
    """The body and its size; of one that is too large nothing is read."""
    if _is_chunked(request):
        body = _joined_chunks(request)
        return body, len(body)
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    try:
        body = request.body
    except RequestDataTooBig:
        return b"", max(size, settings.MAX_PAYLOAD_BYTES + 1)  # of chunks it is not known
    except UnreadablePostError:
        raise BROKEN_OFF.problem() from None
    if len(body) < size:  # gunicorn hands over what came
        raise BROKEN_OFF.problem()
    return body, len(body)


def _joined_chunks(request: WSGIRequest) -> bytes:
    """The body of a chunked request, which Django takes for an empty one."""
    try:
        return bytes(request.environ["wsgi.input"].read(settings.MAX_PAYLOAD_BYTES + 1))
    except Exception:  # noqa: BLE001 - every server has its own for a chunk that is none
        raise BROKEN_OFF.problem() from None


def _is_chunked(request: HttpRequest) -> TypeGuard[WSGIRequest]:
    """Whether the body came to a WSGI server in chunks (RFC 9112 section 7.1)."""
    return (
        isinstance(request, WSGIRequest)
        and bool(request.environ.get("wsgi.input_terminated"))
        and not request.environ.get("CONTENT_LENGTH")
    )


def _headers(request: HttpRequest) -> dict[str, str]:
    """By lower-case name. Django's own mapping of them takes four times as long."""
    return {
        key.removeprefix("HTTP_").replace("_", "-").lower(): value
        for key, value in request.META.items()
        if key.startswith("HTTP_") or key in UNPREFIXED
    }


def _query(request: HttpRequest) -> dict[str, JSON]:
    try:
        named = request.GET.lists()
    except TooManyFieldsSent:
        raise Problem(400, "too-many-fields", "The query has too many parameters.") from None
    return {name: values[0] if len(values) == 1 else [*values] for name, values in named}
