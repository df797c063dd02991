"""Answers to what no view answered: problem documents for programs, pages for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views import defaults

from tenants.problems import Problem, respond

PROGRAMS = ("/api/", "/hooks/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """What Django itself refuses, such as an unknown host."""
    if _is_program(request):
        return respond(Problem(400, "bad-request", "The request cannot be read."))
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """No such address."""
    if _is_program(request):
        return respond(Problem(404, "not-found", "There is nothing here that you may see."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """A fault of ours; Django has logged it."""
    if _is_program(request):
        detail = "Something failed on our side. It has been logged."
        return respond(Problem(500, "internal", detail))
    return defaults.server_error(request)


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith(PROGRAMS)
