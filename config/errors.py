"""Answers to what no view answered: problem documents for programs, pages for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.views import defaults

from tenants.problems import Problem, respond
from tenants.scope import AWAY

PROGRAMS = ("/api/", "/hooks/", "/callbacks/")
RETRY_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """What Django itself refuses, such as an unknown host."""
    if _is_program(request):
        return respond(Problem(400, "bad-request", "The request cannot be read."))
    return _page(request, 400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """No such address."""
    if _is_program(request):
        return respond(Problem(404, "not-found", "There is nothing here that you may see."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """A fault of ours, or a database that is away; Django has logged it."""
    if isinstance(sys.exc_info()[1], AWAY):
        return _unavailable(request)
    if _is_program(request):
        detail = "Something failed on our side. It has been logged."
        return respond(Problem(500, "internal", detail))
    return _page(request, 500)


def _unavailable(request: HttpRequest) -> HttpResponseBase:
    """Whether what was under way is stored, nobody knows; half of it is not."""
    detail = "The database cannot be asked just now; try again."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    if _is_program(request):
        return respond(Problem(503, "unavailable", detail, headers=headers))
    return _page(request, 503, headers)


def _page(
    request: HttpRequest, status: int, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Without the request itself: its user would have to be looked up."""
    text = render_to_string(f"{status}.html", {"request_id": getattr(request, "id", "")})
    return HttpResponse(text, status=status, headers=headers)


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith(PROGRAMS)
