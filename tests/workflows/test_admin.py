"""Workflows in the staff's admin: drafts as YAML, problems, publishing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tenants.models import User
from tests.callers import PASSWORD, Caller, owner_of
from tests.workflows.definitions import document, step
from workflows import documents
from workflows.models import Workflow, WorkflowVersion

GOOD = documents.dumps_yaml(document(step("a"), step("b", "a")))
CYCLIC = documents.dumps_yaml(document(step("a", "b"), step("b", "a")))
INLINE = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}


@pytest.fixture
def acme(db: None) -> Caller:
    return owner_of("acme")


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


def added(staff: Client, acme: Caller, text: str = GOOD, **fields: str) -> Any:
    given = {"tenant": str(acme.tenant_id), "name": "Order sync", "slug": "", "draft_text": text}
    return staff.post("/admin/workflows/workflow/add/", {**given, **fields}, follow=True)


def only() -> Workflow:
    with scope.operator("the only workflow"):
        return Workflow.objects.select_related("current").get()


def changed(staff: Client, text: str, revision: int = 1, name: str = "Order sync") -> Any:
    given = {"name": name, "draft_text": text, "revision": str(revision), **INLINE}
    return staff.post(f"/admin/workflows/workflow/{only().pk}/change/", given, follow=True)


def test_a_workflow_is_made_from_yaml(staff: Client, acme: Caller) -> None:
    added(staff, acme)

    workflow = only()
    assert (workflow.tenant_id, workflow.slug) == (acme.tenant_id, "order-sync")
    assert workflow.draft == document(step("a"), step("b", "a"))


def test_a_taken_slug_is_refused_in_the_form(staff: Client, acme: Caller) -> None:
    added(staff, acme)

    page = added(staff, acme, slug="order-sync")

    assert b"another workflow with this slug" in page.content
    assert only().slug == "order-sync"


def test_a_draft_with_problems_is_saved_and_they_are_shown(staff: Client, acme: Caller) -> None:
    added(staff, acme)

    changed(staff, CYCLIC)
    page = staff.get(f"/admin/workflows/workflow/{only().pk}/change/").content.decode()

    assert only().draft["steps"][0]["needs"] == ["b"]
    assert "These steps need each other in a circle: a" in page


@pytest.mark.parametrize("text", ["steps: [", "a: &x 1", "- a list", "just text"])
def test_what_is_no_definition_is_not_saved_and_not_lost(
    staff: Client, acme: Caller, text: str
) -> None:
    added(staff, acme)

    page = changed(staff, text)

    assert only().draft_revision == 1
    assert documents_escaped(text) in page.content.decode()


def documents_escaped(text: str) -> str:
    return text.replace("&", "&amp;")


def test_a_draft_that_somebody_else_changed_is_not_overwritten(staff: Client, acme: Caller) -> None:
    added(staff, acme)
    acme.put("workflows/order-sync/draft/", {"definition": document(step("theirs"))}, if_match="*")

    page = changed(staff, CYCLIC, revision=1)

    assert b"Somebody else changed the draft" in page.content
    assert only().draft["steps"][0]["key"] == "theirs"


def test_a_workflow_is_renamed_without_touching_the_draft(staff: Client, acme: Caller) -> None:
    added(staff, acme)

    changed(staff, GOOD, name="Other")

    assert (only().name, only().draft_revision) == ("Other", 1)


def publish_page() -> str:
    return f"/admin/workflows/workflow/{only().pk}/publish/"


def test_publishing_shows_the_difference_and_keeps_the_note(staff: Client, acme: Caller) -> None:
    added(staff, acme)
    staff.post(publish_page(), {"revision": "1", "note": "first"})
    changed(staff, documents.dumps_yaml(document(step("a"), step("c", "a.always"))))

    page = staff.get(publish_page()).content.decode()
    staff.post(publish_page(), {"revision": "2", "note": "c instead of b"})

    assert "new step" in page
    assert "removed step" in page
    assert "a.always" in page
    current = only().current
    assert current is not None
    with scope.operator("who published it"):
        version = WorkflowVersion.objects.select_related("published_by").get(pk=current.pk)
    assert (version.number, version.note) == (2, "c instead of b")
    assert str(version.published_by) == "staff@stepwell.example"


def test_a_draft_with_errors_cannot_be_published(staff: Client, acme: Caller) -> None:
    added(staff, acme, CYCLIC)

    page = staff.get(publish_page()).content.decode()
    answer = staff.post(publish_page(), {"revision": "1", "note": ""}, follow=True)

    assert "A draft with errors cannot be published" in page
    assert b"so it cannot be published" in answer.content
    assert only().current is None


def test_only_the_draft_that_was_shown_is_published(staff: Client, acme: Caller) -> None:
    added(staff, acme)
    changed(staff, documents.dumps_yaml(document(step("z"))))

    answer = staff.post(publish_page(), {"revision": "1", "note": ""}, follow=True)

    assert b"it was changed meanwhile" in answer.content
    assert only().current is None


def test_looking_at_the_publish_page_publishes_nothing(staff: Client, acme: Caller) -> None:
    added(staff, acme)

    assert staff.get(publish_page()).status_code == 200
    assert only().current is None


def test_versions_are_read_only_and_can_be_copied_to_the_draft(staff: Client, acme: Caller) -> None:
    added(staff, acme)
    staff.post(publish_page(), {"revision": "1", "note": ""})
    current = only().current
    assert current is not None
    changed(staff, documents.dumps_yaml(document(step("z"))))
    page = f"/admin/workflows/workflowversion/{current.pk}"

    assert "key: b" in staff.get(f"{page}/change/").content.decode()
    assert staff.post(f"{page}/change/", {"note": "x"}).status_code == 403
    staff.post(f"{page}/restore/")
    assert only().draft == document(step("a"), step("b", "a"))


def test_an_archived_workflow_is_kept_and_cannot_be_changed(staff: Client, acme: Caller) -> None:
    added(staff, acme)
    path = f"/admin/workflows/workflow/{only().pk}"

    staff.post(f"{path}/archive/")

    assert only().archived_at is not None
    assert staff.get(f"{path}/change/").status_code == 200
    assert staff.post(f"{path}/change/", {"name": "x", **INLINE}).status_code == 403
    assert staff.get(f"{path}/delete/").status_code == 403
