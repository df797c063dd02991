"""Errors of the API as RFC 9457 problem details; nothing internal ever gets into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from tenants import scope

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer other than the one asked for, raised by any door or service it serves."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = list(errors), headers or {}


def document(
    status: int, code: str, detail: str, errors: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The members of a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:stepwell:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _sendable(detail),
    }
    listed = [{key: _sendable(value) for key, value in error.items()} for error in errors]
    return {**body, "errors": listed} if listed else body


def _sendable(value: Any) -> Any:
    """A wrong name is repeated, and may hold half of a surrogate pair, which UTF-8 cannot spell."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def respond(problem: Problem) -> HttpResponse:
    """A problem as a plain Django response, for doors without REST framework."""
    body = document(problem.status, problem.code, problem.detail, problem.errors)
    return JsonResponse(
        body, status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers
    )


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. Undoes what the failed request wrote."""
    problem = _translate(error)
    if problem is None:
        return None  # a fault of ours: Django logs it and answers 500
    if scope.current() is not None:
        transaction.set_rollback(True)
    body = document(problem.status, problem.code, problem.detail, problem.errors)
    return Response(body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def _translate(error: Exception) -> Problem | None:
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(404, "not-found", "There is nothing here that you may see.")
        case PermissionDenied():
            return Problem(403, "forbidden", "Your role does not allow this.")
        case exceptions.ValidationError():
            return Problem(
                422, "invalid", "The request is not valid.", errors=list(_errors(error.detail))
            )
        case exceptions.APIException():
            headers = {}
            if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
                headers["WWW-Authenticate"] = "Bearer"
            code = str(error.default_code).replace("_", "-")
            return Problem(error.status_code, code, str(error.detail), headers=headers)
        case _:
            return None


def _errors(detail: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Flatten REST framework's nested error details to `{field, code, message}`."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _errors(value, f"{path}.{key}".lstrip("."))
    elif isinstance(detail, list):
        for value in detail:
            yield from _errors(value, path)
    else:
        field = path.removesuffix("non_field_errors").rstrip(".")
        yield {"field": field, "code": getattr(detail, "code", "invalid"), "message": str(detail)}
