"""Addresses that nobody answers: programs get problem documents, people get pages."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from config import errors


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/nothing", "/hooks/a/b/"])
def test_a_program_gets_a_problem(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_person_gets_a_page() -> None:
    answer = Client().get("/nothing/")

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("path", "media"), [("/api/v1/x/", "application/problem+json"), ("/x/", "text/html")]
)
def test_a_fault_of_ours_says_nothing_of_its_cause(path: str, media: str) -> None:
    answer = errors.server_error(RequestFactory().get(path))

    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(media)


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/api/v1/x/", "application/problem+json"),
        ("/hooks/x/", "application/problem+json"),
        ("/x/", "text/html"),
    ],
)
def test_a_database_that_is_away_is_said_to_be_so(path: str, media: str) -> None:
    try:
        raise OperationalError("the connection is closed")
    except OperationalError:
        answer = errors.server_error(RequestFactory().get(path))

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer["Content-Type"].startswith(media)


def test_an_unknown_host_is_refused_alike() -> None:
    answer = Client().get("/api/v1/workflows/", headers={"host": "evil.example"})

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/nothing/", "testserver", 404), ("/login/", "evil.example", 400)],
)
def test_an_error_page_names_its_request(path: str, host: str, status: int) -> None:
    answer = Client().get(path, headers={"host": host, "x-request-id": "request-0001"})
    assert (answer.status_code, answer["X-Request-ID"]) == (status, "request-0001")
    assert b"<code>request-0001</code>" in answer.content


def test_the_page_of_a_fault_names_its_request_and_nothing_else() -> None:
    request = RequestFactory().get("/x/")
    request.id = "request-0001"  # type: ignore[attr-defined] # as the middleware does
    try:
        raise LookupError("the password is sesame")
    except LookupError:
        answer = errors.server_error(request)
    assert b"<code>request-0001</code>" in bytes(getattr(answer, "content", b""))
    assert b"sesame" not in bytes(getattr(answer, "content", b""))


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_every_error_page_stands_without_a_request(status: int) -> None:
    """A database that is away, or a user who cannot be looked up, must not break it."""
    text = render_to_string(f"{status}.html", {"request_id": "request-0001"})
    assert "<code>request-0001</code>" in text
    assert "Traceback" not in text
