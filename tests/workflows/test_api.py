"""Workflows over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step

GOOD = document(step("a", kind="transform"), step("b", "a", config={"message": "hi"}))
CYCLIC = document(step("a", "b"), step("b", "a"))
YAML = "application/yaml"


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.fixture
def globex(db: None) -> Caller:
    return owner_of("globex")


def created(caller: Caller, name: str = "Order sync", definition: Any = GOOD) -> str:
    answer = caller.post("workflows/", {"name": name, "definition": definition})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["slug"])


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json().get("errors", [])]


# --- Create, read, change, delete --------------------------------------------------------------


def test_a_workflow_is_created_with_a_slug_of_its_name(acme: Caller) -> None:
    answer = acme.post("workflows/", {"name": "Order  sync: new", "definition": GOOD})

    assert answer.status_code == 201
    assert answer["Location"] == "/api/v1/workflows/order-sync-new/"
    body = answer.json()
    assert body["slug"] == "order-sync-new"
    assert body["current_version"] is None
    assert body["draft_revision"] == 1
    assert body["definition"] == GOOD
    assert acme.get(answer["Location"]).json() == body


def test_a_second_workflow_of_the_same_name_gets_another_slug(acme: Caller) -> None:
    assert [created(acme), created(acme), created(acme)] == [
        "order-sync",
        "order-sync-2",
        "order-sync-3",
    ]


def test_a_slug_that_is_taken_is_refused(acme: Caller) -> None:
    body = {"name": "x", "slug": "mine", "definition": GOOD}
    assert acme.post("workflows/", body).status_code == 201

    answer = acme.post("workflows/", body)

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:stepwell:problem:taken"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"definition": GOOD}, "name", "required"),
        ({"name": "x", "definition": GOOD, "slgu": "y"}, "slgu", "unknown_field"),
        ({"name": "x", "slug": "No Slug", "definition": GOOD}, "slug", "invalid"),
        ({"name": "x\0", "definition": GOOD}, "name", "null_characters_not_allowed"),
        ({"name": "x", "definition": {"schema": "\0"}}, "definition", "invalid"),
        ({"name": "x", "definition": {"schema": "\ud800"}}, "definition", "invalid"),
        ([], "", "invalid"),
    ],
)
def test_what_cannot_be_a_workflow_is_refused(
    acme: Caller, body: object, field: str, code: str
) -> None:
    answer = acme.post("workflows/", body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


@pytest.mark.parametrize("definition", [[], "text", 1, None])
def test_a_definition_that_is_no_object_is_refused(acme: Caller, definition: object) -> None:
    assert acme.post("workflows/", {"name": "x", "definition": definition}).status_code == 422


def test_a_definition_over_the_size_limit_is_refused(acme: Caller) -> None:
    answer = acme.post("workflows/", {"name": "x", "definition": {"x": "y" * 300_000}})

    assert answer.status_code == 422
    assert codes(answer) == ["too_large"]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a":' * 50_000, b"nul"]
)
def test_invalid_json_is_answered_with_400(acme: Caller, body: bytes) -> None:
    answer = acme.post("workflows/", body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_another_media_type_is_answered_with_415(acme: Caller) -> None:
    assert acme.send("POST", "workflows/", "<a/>", content_type="text/xml").status_code == 415


def test_a_workflow_is_renamed_and_keeps_its_address(acme: Caller) -> None:
    slug = created(acme)

    answer = acme.patch(f"workflows/{slug}/", {"name": "Other"})

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["slug"]) == ("Other", slug)
    assert acme.patch(f"workflows/{slug}/", {"slug": "other"}).status_code == 422


def test_a_deleted_workflow_is_gone_and_its_slug_free(acme: Caller) -> None:
    slug = created(acme)

    assert acme.delete(f"workflows/{slug}/").status_code == 204

    assert acme.get(f"workflows/{slug}/").status_code == 404
    assert acme.get("workflows/").json()["results"] == []
    assert created(acme) == slug


def test_the_list_is_paged_newest_first(acme: Caller) -> None:
    slugs = [created(acme, f"w{number}") for number in range(3)]

    first = acme.get("workflows/?limit=2").json()
    second = acme.get(first["next"]).json()

    assert [item["slug"] for item in first["results"] + second["results"]] == slugs[::-1]
    assert (first["previous"], second["next"]) == (None, None)
    assert second["previous"]


def test_the_list_takes_the_same_number_of_queries_for_any_length(acme: Caller) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert acme.get("workflows/").status_code == 200
        return len(captured)

    acme.post(f"workflows/{created(acme)}/publish/")
    few = queries()
    for number in range(5):
        acme.post(f"workflows/{created(acme, f'w{number}')}/publish/")

    assert queries() == few


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


# --- Who may -----------------------------------------------------------------------------------

ROUTES = [
    ("GET", "workflows/{slug}/", None),
    ("PATCH", "workflows/{slug}/", {"name": "mine"}),
    ("DELETE", "workflows/{slug}/", None),
    ("GET", "workflows/{slug}/draft/", None),
    ("PUT", "workflows/{slug}/draft/", {"definition": GOOD}),
    ("POST", "workflows/{slug}/publish/", {}),
    ("GET", "workflows/{slug}/versions/", None),
    ("GET", "workflows/{slug}/versions/1/", None),
    ("GET", "workflows/{slug}/versions/diff/", None),
    ("POST", "workflows/{slug}/versions/1/restore/", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_another_tenants_workflow_does_not_exist(
    acme: Caller, globex: Caller, method: str, path: str, body: object
) -> None:
    slug = created(acme)
    acme.post(f"workflows/{slug}/publish/")
    before = acme.get(f"workflows/{slug}/").json()

    answer = globex.send(method, path.format(slug=slug), body, if_match="*")

    assert answer.status_code == 404
    assert acme.get(f"workflows/{slug}/").json() == before


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_nobody_gets_in_without_a_key(acme: Caller, method: str, path: str, body: object) -> None:
    answer = Caller().send(method, path.format(slug=created(acme)), body)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_a_viewer_reads_and_changes_nothing(
    acme: Caller, method: str, path: str, body: object
) -> None:
    slug = created(acme)
    acme.post(f"workflows/{slug}/publish/")

    answer = acme.with_role(Role.VIEWER).send(method, path.format(slug=slug), body, if_match="*")

    assert answer.status_code == (200 if method == "GET" else 403)
