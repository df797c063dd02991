"""Bad definitions over the API: every answer is one of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from tests.callers import Caller, owner_of
from tests.workflows.definitions import calling, document, logging, step

MEGABYTE = 1024 * 1024


def chain(length: int) -> dict[str, Any]:
    """Steps one behind the other."""
    return document(
        *(step(f"s{index}", *([f"s{index - 1}"] if index else [])) for index in range(length))
    )


def row(length: int) -> dict[str, Any]:
    """Steps side by side."""
    return document(*(step(f"s{index}") for index in range(length)))


BAD_DEFINITIONS = [
    pytest.param(document(step("a", "b"), step("b", "a")), {"cycle"}, id="cycle-of-two"),
    pytest.param(document(step("a", "a")), {"cycle"}, id="cycle-of-one"),
    pytest.param(row(51), {"too_many_steps"}, id="51-steps"),
    pytest.param(chain(21), {"too_deep"}, id="21-deep"),
    pytest.param(document(step("a", "nowhere")), {"unknown_step"}, id="unknown-step"),
    pytest.param(document(step("a"), step("b", "a.maybe")), {"unknown_outcome"}, id="outcome"),
    pytest.param(document(step("a", kind="teleport")), {"unknown_type"}, id="unknown-type"),
    pytest.param(logging("{{ trigger.bdy }}"), {"unknown_name"}, id="unknown-member"),
    pytest.param(logging("{{ triger.body }}"), {"unknown_name"}, id="unknown-root"),
    pytest.param(logging("{{ steps.frist.output }}"), {"unknown_step"}, id="misspelt-step"),
    pytest.param(logging("{{ 1 + }}"), {"bad_expression"}, id="broken-expression"),
    pytest.param(calling("{{ secrets.nope }}"), {"unknown_secret"}, id="unknown-secret"),
    pytest.param(calling("{{ vars.nope }}"), {"unknown_variable"}, id="unknown-variable"),
    pytest.param(calling("file:///etc/passwd"), {"bad_value"}, id="file-url"),
    pytest.param(calling("gopher://127.0.0.1/"), {"bad_value"}, id="gopher-url"),
]


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.mark.parametrize(("definition", "codes"), BAD_DEFINITIONS)
def test_validating_a_bad_definition_tells_what_is_wrong(
    acme: Caller, definition: dict[str, Any], codes: set[str]
) -> None:
    answer = acme.post("workflows/validate/", {"definition": definition})
    assert answer.status_code == 200
    errors = [found for found in answer.json()["problems"] if found["severity"] == "error"]
    assert {found["code"] for found in errors} == codes
    assert all(found["message"] for found in errors)


@pytest.mark.parametrize(("definition", "codes"), BAD_DEFINITIONS)
def test_a_bad_definition_can_be_kept_but_not_published(
    acme: Caller, definition: dict[str, Any], codes: set[str]
) -> None:
    made = acme.post("workflows/", {"name": "Bad", "definition": definition})
    assert made.status_code == 201
    answer = acme.post("workflows/bad/publish/")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert codes <= {found["code"] for found in answer.json()["errors"]}
    assert acme.post("workflows/bad/run/", {"input": {}}).status_code == 409


@pytest.mark.parametrize("definition", [row(50), chain(20)])
def test_what_is_just_within_the_limits_can_be_published(
    acme: Caller, definition: dict[str, Any]
) -> None:
    acme.post("workflows/", {"name": "Good", "definition": definition})
    assert acme.post("workflows/good/publish/").status_code == 201


NESTED = "[" * 50_000 + "]" * 50_000
LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        pytest.param("{", "application/json", id="cut-off"),
        pytest.param("", "application/json", id="empty"),
        pytest.param("[]", "application/json", id="a-list"),
        pytest.param("\x00", "application/json", id="nul"),
        pytest.param('{"definition": NaN}', "application/json", id="nan"),
        pytest.param('{"definition": 1e400}', "application/json", id="overflow"),
        pytest.param('{"definition": {"\\u0000": "\\ud800"}}', "application/json", id="surrogate"),
        pytest.param(f'{{"definition": {NESTED}}}', "application/json", id="nested-json"),
        pytest.param(f'{{"definition": {"9" * 5000}}}', "application/json", id="5000-digits"),
        pytest.param(b"\xff\xfe", "application/json", id="no-text"),
        pytest.param(LAUGHS, "application/yaml", id="billion-laughs"),
        pytest.param(NESTED, "application/yaml", id="nested-yaml"),
        pytest.param("!!python/object/apply:os.system [ls]", "application/yaml", id="yaml-tag"),
        pytest.param(b"\xff\xfe\xff", "application/yaml", id="yaml-no-text"),
        pytest.param("a: 1\na: 2", "application/yaml", id="yaml-twice"),
        pytest.param("x" * (MEGABYTE + 10), "application/yaml", id="too-large"),
        pytest.param("<a/>", "application/xml", id="another-format"),
    ],
)
@pytest.mark.parametrize("path", ["workflows/validate/", "workflows/flow/draft/", "workflows/"])
def test_no_body_is_a_fault_of_ours(acme: Caller, path: str, body: str | bytes, media: str) -> None:
    acme.post("workflows/", {"name": "Flow", "definition": document(step("a"))})
    method = "PUT" if path.endswith("draft/") else "POST"
    answer = acme.send(method, path, body, content_type=media, if_match="*")
    accepted = (200,) if path == "workflows/validate/" else ()  # then it lists the problems
    assert answer.status_code in (*accepted, 400, 413, 415, 422)
    if answer.status_code == 200:
        assert answer.json()["problems"]
    else:
        assert answer["Content-Type"] == "application/problem+json"
