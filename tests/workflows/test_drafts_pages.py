"""Building a workflow on its pages: a new one, its draft, publishing, going back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from tenants import scope
from tests import factories
from tests.executions import standing
from tests.workflows.definitions import document, step
from workflows import services
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

DRAFT = "/t/acme/workflows/orders/draft/"
PUBLISH = "/t/acme/workflows/orders/publish/"
GOOD = "schema: 1\nsteps:\n  - {key: a, type: log, with: {message: hello}}\n"


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def client(people: factories.People) -> Client:
    client = Client()
    client.force_login(people.ed)
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def found(people: factories.People, slug: str = "orders") -> Workflow:
    with scope.tenant(people.acme.id):
        return services.find(slug=slug)


def test_a_workflow_is_made_tested_and_published_without_the_api(
    people: factories.People, client: Client
) -> None:
    example = text_of(client.get("/t/acme/new-workflow/"))
    assert "schema: 1" in example
    made = client.post("/t/acme/new-workflow/", {"name": "Orders", "text": GOOD}, follow=True)
    assert made.redirect_chain == [(DRAFT, 302)]
    assert "The draft is saved." in text_of(made)
    assert f'href="{PUBLISH}"' in text_of(made)
    asked = text_of(client.get(PUBLISH))
    assert "This will be the first version." in asked
    revision = found(people).draft_revision
    done = client.post(PUBLISH, {"revision": revision, "note": "First."}, follow=True)
    assert "Version 1 is live." in text_of(done)
    version = found(people).current
    assert version is not None
    assert (version.number, version.note, version.published_by) == (1, "First.", people.ed)


def test_a_new_workflow_that_is_refused_says_why_and_keeps_what_was_typed(
    people: factories.People, client: Client
) -> None:
    factories.make_draft(people.acme, slug="orders")
    given = {"name": "Orders", "slug": "orders", "text": GOOD}
    text = text_of(client.post("/t/acme/new-workflow/", given))
    assert "There is already a workflow" in text
    assert "message: hello" in text
    text = text_of(client.post("/t/acme/new-workflow/", {"name": "x", "text": "a: [1"}))
    assert "at line 2" in text
    assert "a: [1" in text
    assert "is an object" in text_of(
        client.post("/t/acme/new-workflow/", {"name": "x", "text": "- 1"})
    )


def test_a_draft_is_saved_with_problems_that_are_shown(
    people: factories.People, client: Client
) -> None:
    factories.make_workflow(people.acme, slug="orders")
    bad = "schema: 1\nsteps:\n  - {key: a, type: log, needs: [nobody], with: {message: x}}\n"
    given = {"name": "Orders", "text": bad, "revision": found(people).draft_revision}
    text = text_of(client.post(DRAFT, given, follow=True))
    assert "Saved." in text
    assert "problem-error" in text
    assert f'href="{PUBLISH}"' not in text
    assert found(people).name == "Orders"
    text = text_of(client.get(PUBLISH))
    assert "A draft with errors cannot be published." in text
    text = text_of(client.post(PUBLISH, {"revision": found(people).draft_revision}, follow=True))
    assert "so it cannot be published" in text


def test_nobody_overwrites_what_another_wrote(people: factories.People, client: Client) -> None:
    workflow = factories.make_draft(people.acme, slug="orders")
    given = {"name": "Mine", "text": GOOD, "revision": workflow.draft_revision}
    with scope.tenant(people.acme.id):
        theirs = document(step("theirs"))
        services.save_draft(workflow=workflow, definition=theirs, expected_revision=None)
    text = text_of(client.post(DRAFT, given))
    assert "it was changed meanwhile" in text
    assert "message: hello" in text
    assert found(people).draft == theirs
    assert found(people).name != "Mine"
    text = text_of(client.post(PUBLISH, {"revision": given["revision"]}, follow=True))
    assert "it was changed meanwhile" in text


def test_what_would_change_is_shown_before_and_after(
    people: factories.People, client: Client
) -> None:
    workflow = factories.make_workflow(people.acme, document(step("a")), slug="orders")
    with scope.tenant(people.acme.id):
        changed = document(step("a", config={"message": "<b>"}), step("more"))
        services.save_draft(workflow=workflow, definition=changed, expected_revision=None)
    text = text_of(client.get(PUBLISH))
    assert "Since version 1" in text
    assert '<ins>new step</ins> <span class="mono">more</span>' in text
    assert "&lt;b&gt;" in text
    client.post(PUBLISH, {"revision": found(people).draft_revision})
    text = text_of(client.get("/t/acme/workflows/orders/versions/2/"))
    assert '<ins>new step</ins> <span class="mono">more</span>' in text


def test_an_old_version_comes_back_by_way_of_the_draft(
    people: factories.People, client: Client
) -> None:
    workflow = factories.make_workflow(people.acme, document(step("a")), slug="orders")
    version = "/t/acme/workflows/orders/versions/1/"
    assert "Copy to the draft" not in text_of(client.get(version))
    with scope.tenant(people.acme.id):
        services.save_draft(
            workflow=workflow, definition=document(step("b")), expected_revision=None
        )
    assert f'href="{version}restore/"' in text_of(client.get(version))
    assert "Nothing is published by this." in text_of(client.get(f"{version}restore/"))
    text = text_of(client.post(f"{version}restore/", follow=True))
    assert "The draft is version 1 again." in text
    assert found(people).draft == document(step("a"))


def test_an_archived_workflow_is_gone_from_the_list(
    people: factories.People, client: Client
) -> None:
    factories.make_workflow(people.acme, slug="orders")
    assert "There is no way back." in text_of(client.get("/t/acme/workflows/orders/archive/"))
    text = text_of(client.post("/t/acme/workflows/orders/archive/", follow=True))
    assert "is archived." in text
    assert "/workflows/orders/" not in text


def test_whoever_may_not_edit_is_offered_none_of_it(people: factories.People) -> None:
    factories.make_workflow(people.acme, slug="orders")
    client = Client()
    client.force_login(people.otto)
    for path in ("/t/acme/workflows/", "/t/acme/workflows/orders/"):
        text = text_of(client.get(path))
        assert not {"new-workflow/", "/draft/", "/publish/", "/archive/"} & {
            part for part in ("new-workflow/", "/draft/", "/publish/", "/archive/") if part in text
        }


def test_the_list_shows_how_the_last_run_stands(people: factories.People, client: Client) -> None:
    workflow = factories.make_workflow(people.acme, slug="orders")
    assert "last-run" not in text_of(client.get("/t/acme/workflows/"))
    factories.start_execution(workflow)
    newest = factories.start_execution(workflow)
    text = text_of(client.get("/t/acme/workflows/"))
    assert text.count('class="last-run"') == 1
    assert f'href="/t/acme/executions/{newest.id}/"' in text


def test_a_failed_run_leads_to_its_draft_which_runs_with_its_input(
    people: factories.People, client: Client
) -> None:
    failed = standing.failed(people.acme, slug="orders")
    page = f"/t/acme/executions/{failed.id}/"
    link = f"{DRAFT}?of={failed.id}"
    assert f'href="{link}"' in text_of(client.get(page))
    revision = found(people).draft_revision
    given = {"name": "Orders", "text": GOOD, "revision": revision}
    saved = client.post(link, given, follow=True)
    assert saved.redirect_chain == [(link, 302)]
    run = f"{DRAFT}run/?of={failed.id}"
    assert f'href="{run}"' in text_of(saved)
    body = json.dumps(failed.trigger["body"], indent=2)
    assert escape(body) in text_of(client.get(run))
    assert client.get(f"{DRAFT}run/?of=x").status_code == 404
    assert client.get(f"{DRAFT}run/?of={people.acme.id}").status_code == 404
    client.force_login(people.otto)
    assert link not in text_of(client.get(page))
