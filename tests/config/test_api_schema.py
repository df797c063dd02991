"""The OpenAPI document: valid, complete, and honest about refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern

from config.api import urlpatterns


@pytest.fixture(scope="module")
def schema() -> Any:
    return Client().get("/api/schema/", headers={"accept": "application/json"}).json()


def test_the_schema_is_valid_and_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "s.yml"))


def test_every_address_of_the_api_is_in_it(schema: Any) -> None:
    assert len(schema["paths"]) == len([one for one in urlpatterns if isinstance(one, URLPattern)])


def operations(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def is_public(operation: dict[str, Any]) -> bool:
    return bool(operation.get("security", [{}]) == [{}])


def test_every_operation_says_how_it_refuses(schema: Any) -> None:
    for name, operation in operations(schema):
        problems = {
            status
            for status, response in operation["responses"].items()
            if "application/problem+json" in response.get("content", {})
        }
        expected = {"406", "429"}
        if not is_public(operation):
            expected |= {"401", "403"}
        if "{" in name:
            expected.add("404")
        if "requestBody" in operation:
            expected |= {"400", "415", "422"}
        assert expected <= problems, name


def test_every_refusal_is_a_problem_document(schema: Any) -> None:
    wrong = [
        (name, status)
        for name, operation in operations(schema)
        for status, response in operation["responses"].items()
        if status >= "400" and set(response.get("content", {})) != {"application/problem+json"}
    ]
    assert wrong == []


def test_null_fits_where_anything_does(schema: Any) -> None:
    """Else a step without an input would not be what the document says."""
    described = schema["components"]["schemas"]["StepRunItem"]["properties"]["input"]
    assert described.keys() == {"readOnly", "description"}


def test_every_answer_says_how_it_counts_and_a_refusal_when_to_come_again(schema: Any) -> None:
    for name, operation in operations(schema):
        for status, response in operation["responses"].items():
            assert {"RateLimit-Policy", "RateLimit"} <= set(response["headers"]), (name, status)
            assert ("Retry-After" in response["headers"]) == (status == "429"), (name, status)


def test_every_operation_has_a_summary_and_a_tag(schema: Any) -> None:
    for name, operation in operations(schema):
        assert operation.get("summary"), name
        assert operation.get("tags"), name
        assert operation["tags"] != ["api"], name


def test_only_registration_needs_no_key(schema: Any) -> None:
    public = [name for name, operation in operations(schema) if is_public(operation)]

    assert public == ["post /api/v1/register/"]
