"""Publishing, versions and their differences over the API."""

from __future__ import annotations

import pytest

from tests.callers import Caller, owner_of
from tests.workflows.calling import CYCLIC, GOOD, YAML, codes, created
from tests.workflows.definitions import document, step


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


def test_publishing_numbers_versions_and_makes_them_current(acme: Caller) -> None:
    slug = created(acme)

    first = acme.post(f"workflows/{slug}/publish/", {"note": "the first"})
    acme.put(f"workflows/{slug}/draft/", {"definition": document(step("z"))}, if_match="*")
    second = acme.post(f"workflows/{slug}/publish/")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["definition"] == GOOD
    assert acme.get(f"workflows/{slug}/").json()["current_version"] == 2
    versions = acme.get(f"workflows/{slug}/versions/").json()["results"]
    assert [(version["number"], version["note"]) for version in versions] == [
        (2, ""),
        (1, "the first"),
    ]


def test_publishing_an_unchanged_draft_gives_the_version_that_there_is(acme: Caller) -> None:
    slug = created(acme)
    first = acme.post(f"workflows/{slug}/publish/")

    again = acme.post(f"workflows/{slug}/publish/", {"note": "again"})

    assert again.status_code == 200
    assert again.json() == first.json()


def test_a_draft_with_errors_is_not_published(acme: Caller) -> None:
    slug = created(acme, definition=CYCLIC)

    answer = acme.post(f"workflows/{slug}/publish/")

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:stepwell:problem:not-publishable"
    assert "cycle" in codes(answer)
    assert acme.get(f"workflows/{slug}/versions/").json()["results"] == []


def test_a_draft_with_warnings_only_is_published(acme: Caller) -> None:
    parks = document(step("a", kind="http", config={"method": "POST", "url": "https://x.example/"}))
    slug = created(acme, definition=parks)

    assert acme.get(f"workflows/{slug}/draft/").json()["problems"]
    assert acme.post(f"workflows/{slug}/publish/").status_code == 201


def test_a_version_is_restored_to_the_draft(acme: Caller) -> None:
    slug = created(acme)
    acme.post(f"workflows/{slug}/publish/")
    acme.put(f"workflows/{slug}/draft/", {"definition": document(step("z"))}, if_match="*")

    answer = acme.post(f"workflows/{slug}/versions/1/restore/")

    assert answer.status_code == 200
    assert answer.json()["definition"] == GOOD
    assert answer.json()["revision"] == 3


def test_versions_are_compared_in_the_words_of_the_language(acme: Caller) -> None:
    slug = created(acme)
    acme.post(f"workflows/{slug}/publish/")
    changed = document(step("a", kind="transform", config={"value": 2}), step("c", "a.always"))
    acme.put(f"workflows/{slug}/draft/", {"definition": changed}, if_match="*")

    body = acme.get(f"workflows/{slug}/versions/diff/?from=1&to=draft").json()

    assert body["added"] == ["c"]
    assert body["removed"] == ["b"]
    assert body["changed"] == [
        {
            "step": "a",
            "changes": [{"kind": "changed", "field": "with.value", "old": 1, "new": 2}],
        }
    ]
    assert body["edges_added"] == [{"step": "c", "need": "a.always"}]
    assert acme.get(f"workflows/{slug}/versions/diff/").json() == body


@pytest.mark.parametrize(
    ("query", "status"), [("from=9", 404), ("from=x", 422), ("to=-1", 422), ("to=%00", 422)]
)
def test_a_diff_of_what_does_not_exist_is_refused(acme: Caller, query: str, status: int) -> None:
    path = f"workflows/{created(acme)}/versions/diff/?{query}"

    assert acme.get(path).status_code == status


def test_a_version_is_given_as_yaml(acme: Caller) -> None:
    slug = created(acme)
    acme.post(f"workflows/{slug}/publish/")

    answer = acme.get(f"workflows/{slug}/versions/1/", accept=YAML)

    assert answer.content.startswith(b"schema: 1\nsteps:\n  - key: a\n    type: transform\n")
