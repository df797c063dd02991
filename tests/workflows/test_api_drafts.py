"""Drafts over HTTP: replaced at the revision that was read, and checked."""

from __future__ import annotations

import pytest

from tests.callers import Caller, owner_of
from tests.workflows.calling import CYCLIC, GOOD, YAML, codes, created
from tests.workflows.definitions import document, step


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


# --- Drafts ------------------------------------------------------------------------------------


def test_a_draft_is_replaced_only_at_the_revision_that_was_read(acme: Caller) -> None:
    path = f"workflows/{created(acme)}/draft/"
    tag = acme.get(path)["ETag"]

    changed = acme.put(path, {"definition": document(step("z"))}, if_match=tag)
    late = acme.put(path, {"definition": document(step("y"))}, if_match=tag)

    assert changed.status_code == 200
    assert changed.json()["revision"] == 2
    assert changed["ETag"] == '"2"'
    assert late.status_code == 412
    assert acme.get(path).json()["definition"] == document(step("z"))


def test_the_same_draft_again_is_no_change(acme: Caller) -> None:
    path = f"workflows/{created(acme)}/draft/"

    assert acme.put(path, {"definition": GOOD}, if_match='"1"').json()["revision"] == 1


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ('"9"', 412), ("nonsense", 412), ("*", 200), ('W/"1"', 200)],
)
def test_a_draft_is_replaced_only_with_if_match(
    acme: Caller, if_match: str | None, status: int
) -> None:
    headers = {"if_match": if_match} if if_match else {}
    answer = acme.put(f"workflows/{created(acme)}/draft/", {"definition": CYCLIC}, **headers)

    assert answer.status_code == status


def test_a_draft_may_have_problems_and_tells_them(acme: Caller) -> None:
    answer = acme.put(f"workflows/{created(acme)}/draft/", {"definition": CYCLIC}, if_match='"1"')

    assert answer.status_code == 200
    assert "cycle" in [problem["code"] for problem in answer.json()["problems"]]


def test_a_draft_is_written_and_read_as_yaml(acme: Caller) -> None:
    path = f"workflows/{created(acme)}/draft/"
    text = "schema: 1\nsteps:\n  - key: a\n    type: log\n    with:\n      message: on\n"

    put = acme.send("PUT", path, text, content_type=YAML, if_match='"1"')
    got = acme.get(path, accept=YAML)

    assert put.status_code == 200
    assert got["Content-Type"].startswith(YAML)
    assert got.content.decode() == text.replace("message: on", "message: 'on'")
    assert acme.get(path).json()["definition"]["steps"][0]["with"] == {"message": "on"}


def test_yaml_that_cannot_be_read_is_answered_with_its_place(acme: Caller) -> None:
    answer = acme.send(
        "PUT",
        f"workflows/{created(acme)}/draft/",
        "schema: 1\nsteps: [",
        content_type=YAML,
        if_match="*",
    )

    assert answer.status_code == 400
    assert codes(answer) == ["not_yaml"]
    assert "line " in answer.json()["detail"]


def test_a_problem_stays_json_where_yaml_was_asked_for(acme: Caller) -> None:
    answer = acme.get("workflows/none/draft/", accept=YAML)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


# --- Validate ----------------------------------------------------------------------------------


def test_validate_gives_all_problems_with_their_places(acme: Caller) -> None:
    bad = document(
        step("a", kind="http", config={"url": "{{ secrets.nothing }}", "methd": "GET"}),
        step("b", "c"),
    )

    answer = acme.post("workflows/validate/", {"definition": bad})

    assert answer.status_code == 200
    found = {(p["step"], p["code"]) for p in answer.json()["problems"]}
    assert {("a", "unknown_secret"), ("a", "unknown_key"), ("b", "unknown_step")} <= found


def test_validate_knows_the_tenants_secrets(acme: Caller) -> None:
    acme.post("secrets/", {"name": "token", "value": "v" * 10})
    definition = document(
        step("a", kind="http", config={"url": "https://x.example/{{ secrets.token }}"})
    )

    answer = acme.post("workflows/validate/", {"definition": definition})

    assert answer.json() == {"problems": []}


@pytest.mark.parametrize("definition", [None, [], "x", {}, {"schema": 1}])
def test_validate_calls_what_is_no_definition_a_problem(acme: Caller, definition: object) -> None:
    answer = acme.post("workflows/validate/", {"definition": definition})

    assert answer.status_code == 200
    assert answer.json()["problems"]


def test_validate_looks_no_further_into_what_is_too_large(acme: Caller) -> None:
    many = {"definition": document(*[step(f"s{n}") for n in range(9000)])}

    answer = acme.post("workflows/validate/", many)

    assert [problem["code"] for problem in answer.json()["problems"]] == ["too_large"]


def test_validate_takes_yaml(acme: Caller) -> None:
    good = acme.send(
        "POST",
        "workflows/validate/",
        "schema: 1\nsteps: [{key: a, type: log, with: {message: x}}]",
        content_type=YAML,
    )
    bad = acme.send("POST", "workflows/validate/", "a: &b 1", content_type=YAML)

    assert good.json() == {"problems": []}
    assert [problem["code"] for problem in bad.json()["problems"]] == ["alias"]


def test_yaml_in_another_encoding_is_answered_with_400(acme: Caller) -> None:
    answer = acme.send("POST", "workflows/validate/", b"\xff\xfe", content_type=YAML)

    assert answer.status_code == 400
