"""The pages of workflows."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tests import factories
from tests.workflows.definitions import document, step
from workflows import schedules, services
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

# Statements before and after a page's own: session, user, membership, scopes; the navigation.
ADMISSION = 12


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def client(people: factories.People) -> Client:
    client = Client()
    client.force_login(people.otto)
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def redraft(workflow: Workflow, definition: dict[str, Any]) -> None:
    with scope.tenant(workflow.tenant_id):
        services.save_draft(workflow=workflow, definition=definition, expected_revision=None)


def test_the_list_shows_the_tenants_workflows_and_no_others(
    people: factories.People, client: Client
) -> None:
    factories.make_workflow(people.acme, slug="orders")
    factories.make_draft(people.acme, slug="idea")
    factories.make_workflow(people.globex, slug="hidden")
    text = text_of(client.get("/t/acme/workflows/"))
    assert 'href="/t/acme/workflows/orders/"' in text
    assert 'href="/t/acme/workflows/orders/run/"' in text
    assert "draft only" in text
    assert 'href="/t/acme/workflows/idea/run/"' not in text
    assert "hidden/" not in text


def test_the_list_asks_as_much_of_the_database_however_long_it_is(
    people: factories.People,
    client: Client,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    client.get("/t/acme/workflows/")  # the first within a minute keeps when it was used
    for _ in range(3):
        factories.make_workflow(people.acme)
        with django_assert_num_queries(ADMISSION + 2):
            client.get("/t/acme/workflows/")


def test_without_workflows_the_list_says_how_to_make_one(
    people: factories.People, client: Client
) -> None:
    text = text_of(client.get("/t/acme/workflows/"))
    assert "No workflows yet" in text
    assert "An editor of this tenant can make the first one." in text
    client.force_login(people.ed)
    text = text_of(client.get("/t/acme/workflows/"))
    assert 'href="/t/acme/new-workflow/"' in text
    assert "/api/v1/workflows/" in text


def named(people: factories.People, *names: tuple[str, str]) -> None:
    for name, slug in names:
        workflow = factories.make_draft(people.acme, slug=slug)
        with scope.tenant(people.acme.id):
            services.rename(workflow=workflow, name=name)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ORDER", {"orders", "old"}),  # by name and by slug, in any case
        ("  order  ", {"orders", "old"}),
        ("%", {"share"}),  # what LIKE has for itself is text here
        ("_", {"snake"}),
        ("\\", {"back"}),
        ("'", {"quote"}),
        ("ÜBER", {"uber"}),
        ("", {"orders", "old", "share", "snake", "back", "quote", "uber"}),
    ],
)
def test_the_list_is_searched_by_name_and_slug(
    people: factories.People, client: Client, asked: str, found: set[str]
) -> None:
    named(
        people,
        ("Buy", "orders"),
        ("The old Order", "old"),
        ("50% off", "share"),
        ("snake_case", "snake"),
        ("C:\\temp", "back"),
        ("Ed's", "quote"),
        ("Über alles", "uber"),
    )
    factories.make_draft(people.globex, slug="their-orders")
    text = text_of(client.get("/t/acme/workflows/", {"q": asked}))
    links = re.findall(r'href="/t/acme/workflows/([a-z-]+)/"', text)
    assert set(links) == found


def test_a_search_is_kept_and_can_be_left(people: factories.People, client: Client) -> None:
    named(people, ("Buy", "orders"))
    text = text_of(client.get("/t/acme/workflows/"))
    assert "Show all" not in text
    text = text_of(client.get("/t/acme/workflows/?q=buy"))
    assert re.search(r'<input[^>]* name="q"[^>]* value="buy"', text)
    assert '<a href="/t/acme/workflows/">Show all</a>' in text


def test_a_search_that_finds_nothing_says_so(people: factories.People, client: Client) -> None:
    named(people, ("Buy", "orders"))
    text = text_of(client.get("/t/acme/workflows/", {"q": "<b>none"}))
    assert "No workflow matches “&lt;b&gt;none”." in text
    assert '<a href="/t/acme/workflows/">Show all of them</a>' in text
    assert "No workflows yet" not in text


@pytest.mark.parametrize(("asked", "said"), [("x" * 201, "200 characters"), ("\x00", "Null char")])
def test_a_search_that_cannot_be_is_told_at_its_field(
    people: factories.People, client: Client, asked: str, said: str
) -> None:
    named(people, ("Buy", "orders"))
    text = text_of(client.get("/t/acme/workflows/", {"q": asked}))
    assert said in text.partition('role="alert"')[2]
    assert 'href="/t/acme/workflows/orders/"' in text


def test_a_long_list_comes_in_pages_and_keeps_its_search(
    people: factories.People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.views.reading.PAGE", 2)
    named(people, *((f"Order {slug}", slug) for slug in "abcde"), ("Other", "f"))
    path, seen = "/t/acme/workflows/?q=order", []
    while path:
        text = text_of(client.get(path))
        seen.append(re.findall(r'href="/t/acme/workflows/([a-z])/"', text))
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = f"/t/acme/workflows/{html.unescape(following[1])}" if following else ""
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    assert '<a href="/t/acme/workflows/?q=order">First</a>' in text
    text = text_of(client.get("/t/acme/workflows/?after=z"))
    assert re.search(r'No workflow comes after <span class="mono">z</span>\.', text)


def test_a_viewer_is_offered_no_run(people: factories.People) -> None:
    factories.make_workflow(people.acme, slug="orders")
    client = Client()
    client.force_login(people.vera)
    assert "run/" not in text_of(client.get("/t/acme/workflows/"))
    assert "run/" not in text_of(client.get("/t/acme/workflows/orders/"))


def test_a_workflow_shows_its_graph_versions_and_runs(
    people: factories.People, client: Client
) -> None:
    workflow = factories.make_workflow(people.acme, slug="orders")
    execution = factories.start_execution(workflow)
    text = text_of(client.get("/t/acme/workflows/orders/"))
    assert "version 1 is live" in text
    assert '<svg id="graph"' in text
    assert 'href="/t/acme/workflows/orders/versions/1/"' in text
    assert f'href="/t/acme/executions/{execution.id}/"' in text
    assert "Draft</h2>" not in text  # it is what is live


def test_a_changed_draft_shows_its_problems(people: factories.People, client: Client) -> None:
    workflow = factories.make_workflow(people.acme, slug="orders")
    redraft(workflow, document(step("a", "nobody")))
    text = text_of(client.get("/t/acme/workflows/orders/"))
    assert "differs from version 1" in text
    assert "problem-error" in text
    assert "nobody" in text


def test_a_draft_that_cannot_be_drawn_is_still_a_page(
    people: factories.People, client: Client
) -> None:
    factories.make_draft(people.acme, {"steps": "none"}, slug="idea")
    text = text_of(client.get("/t/acme/workflows/idea/"))
    assert "cannot be drawn" in text
    assert "has not run yet" in text


def test_a_workflow_asks_as_much_of_the_database_however_much_it_ran(
    people: factories.People,
    client: Client,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    workflow = factories.make_workflow(people.acme, slug="orders")
    client.get("/t/acme/workflows/")  # the first within a minute keeps when it was used
    for _ in range(3):
        factories.start_execution(workflow)
        with django_assert_num_queries(ADMISSION + 10):
            client.get("/t/acme/workflows/orders/")


def test_a_version_shows_its_definition(people: factories.People, client: Client) -> None:
    factories.make_workflow(people.acme, document(step("fetch_it")), slug="orders")
    text = text_of(client.get("/t/acme/workflows/orders/versions/1/"))
    assert "key: fetch_it" in text
    assert client.get("/t/acme/workflows/orders/versions/2/").status_code == 404


@pytest.mark.parametrize("address", ["", "run/", "versions/1/"])
def test_a_stranger_sees_nothing(people: factories.People, address: str) -> None:
    factories.make_workflow(people.acme, slug="orders")
    mallory = Client()
    mallory.force_login(people.mallory)
    for tenant in ("acme", "globex"):
        assert mallory.get(f"/t/{tenant}/workflows/orders/{address}").status_code == 404


def test_a_workflow_shows_when_it_runs_by_itself(people: factories.People, client: Client) -> None:
    workflow = factories.make_workflow(people.acme, slug="orders")
    assert "No clock starts this workflow" in text_of(client.get("/t/acme/workflows/orders/"))
    factories.make_schedule(workflow, "0 9 * * 1-5", name="Mornings", zone="Europe/Paris")
    paused = factories.make_schedule(workflow, name="Nights")
    schedules.change(tenant_id=people.acme.id, schedule_id=paused.id, values={"paused": True})
    text = text_of(client.get("/t/acme/workflows/orders/"))
    assert ">Mornings</a>: At 09:00 on Monday through Friday, Europe/Paris." in text
    assert "UTC</time>" in text
    assert "Paused." in text
