"""Addresses that nobody answers: programs get problem documents, people get pages."""

from __future__ import annotations

import pytest
from django.db import OperationalError
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
