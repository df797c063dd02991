"""Workflows over the API."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.roles import Role
from tests.callers import Caller, owner_of
from tests.workflows.calling import GOOD, codes, created


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.fixture
def globex(db: None) -> Caller:
    return owner_of("globex")


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
