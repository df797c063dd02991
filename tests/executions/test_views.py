"""The pages of executions."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.executions import driving
from tests.executions.browsing import browser, page_of, text_of
from tests.workflows.definitions import document, step
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

# Statements before and after a page's own: session, user, membership, scopes; the navigation.
ADMISSION = 12

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def workflow(people: factories.People) -> Workflow:
    return factories.make_workflow(people.acme, slug="orders")


# --- The list ----------------------------------------------------------------------------------


def test_the_list_shows_the_newest_first(people: factories.People, workflow: Workflow) -> None:
    first, second = (factories.start_execution(workflow) for _ in range(2))
    text = text_of(browser(people.vera).get("/t/acme/executions/"))
    assert 0 < text.index(f"{second.id}/") < text.index(f"{first.id}/")


def test_the_list_asks_as_much_of_the_database_however_long_it_is(
    people: factories.People,
    workflow: Workflow,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    client = browser(people.vera)
    client.get("/t/acme/executions/")  # the first visit of a session is noted
    for _ in range(2):
        factories.start_execution(workflow)
        factories.start_execution(factories.make_workflow(people.acme))
        with django_assert_num_queries(ADMISSION + 2):
            client.get("/t/acme/executions/")


def test_without_executions_the_list_says_how_to_get_one(people: factories.People) -> None:
    text = text_of(browser(people.vera).get("/t/acme/executions/"))
    assert "Nothing has run yet" in text
    assert 'href="/t/acme/workflows/"' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=queued", 2),
        ("status=failed", 0),
        ("trigger=manual", 2),
        ("trigger=webhook", 0),
        ("workflow=orders", 1),
        ("since=2020-01-01T00:00", 2),
        ("until=2020-01-01T00:00", 0),
        ("workflow=orders&status=queued&since=2020-01-01T00:00", 1),
        ("status=&workflow=", 2),
    ],
)
def test_the_list_can_be_filtered(
    people: factories.People, workflow: Workflow, query: str, found: int
) -> None:
    started = [
        factories.start_execution(workflow),
        factories.start_execution(factories.make_workflow(people.acme)),
    ]
    text = text_of(browser(people.vera).get(f"/t/acme/executions/?{query}"))
    assert sum(page_of(execution) in text for execution in started) == found


@pytest.mark.parametrize("query", ["status=odd", "since=yesterday", "workflow=none", "before=x"])
def test_a_filter_that_makes_no_sense_shows_everything_and_says_so(
    people: factories.People, workflow: Workflow, query: str
) -> None:
    execution = factories.start_execution(workflow)
    text = text_of(browser(people.vera).get(f"/t/acme/executions/?{query}"))
    assert page_of(execution) in text
    assert 'role="alert"' in text or query.startswith("before")


def test_pages_lose_and_double_nothing(
    people: factories.People, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.views.reading.PAGE", 2)
    started = [factories.start_execution(workflow) for _ in range(5)]
    client, seen = browser(people.vera), []
    query: str | None = ""
    while query is not None:
        response = client.get(f"/t/acme/executions/?{query}")
        seen += [execution.id for execution in response.context["executions"]]
        query = response.context["older"] or None
    assert seen == [execution.id for execution in reversed(started)]


# --- One execution -----------------------------------------------------------------------------


def test_the_page_shows_steps_events_and_the_graph(people: factories.People) -> None:
    definition = document(
        step("ask", kind="condition", config={"if": "{{ trigger.body.paid }}"}, name="Paid?"),
        step("yes", "ask.true", kind="transform", config={"value": {"thanks": True}}),
        step("no", "ask.false"),
        output="{{ steps.yes.output }}",
    )
    workflow = factories.make_workflow(people.acme, definition)
    execution = driving.drained(factories.start_execution(workflow, {"paid": True}))
    text = text_of(browser(people.vera).get(page_of(execution)))
    for part in (
        "status-succeeded",
        "Paid?",
        "node-skipped",
        "edge-dead",
        'href="#step-yes"',
        "&quot;thanks&quot;: true",
        "&quot;paid&quot;: true",
        'id="event-1"',
        "No edge into it was taken.",
    ):
        assert part in text, part
    assert "data-live" not in text  # it is over


def test_the_page_of_a_run_that_goes_on_is_live(
    people: factories.People, workflow: Workflow
) -> None:
    execution = factories.start_execution(workflow)
    text = text_of(browser(people.vera).get(page_of(execution)))
    assert f'data-live="/ws/executions/{execution.id}/" data-after="1"' in text
    assert "<noscript>" in text


def test_a_failed_try_is_told_with_its_reason(people: factories.People, workflow: Workflow) -> None:
    execution = factories.start_execution(workflow)
    worker_id = driving.new_worker()
    driving.finish(driving.claimed(worker_id), worker_id, driving.REFUSED)
    text = text_of(browser(people.vera).get(page_of(execution)))
    assert "status-failed" in text
    assert "Nobody listens there." in text
    assert "not tried again" in text


def test_the_page_asks_as_much_of_the_database_however_many_steps_there_are(
    people: factories.People, django_assert_num_queries: Callable[[int], Any]
) -> None:
    client = browser(people.vera)
    for count in (1, 12):
        definition = document(*(step(f"s{number}") for number in range(count)))
        execution = driving.drained(
            factories.start_execution(factories.make_workflow(people.acme, definition))
        )
        client.get(page_of(execution))  # the version's plan is kept from here on
        with django_assert_num_queries(ADMISSION + 6):
            client.get(page_of(execution))


def test_large_values_are_shown_in_part(people: factories.People, workflow: Workflow) -> None:
    execution = factories.start_execution(workflow, {"text": "long" * 100_000})
    text = text_of(browser(people.vera).get(page_of(execution)))
    assert len(text) < 50_000
    assert "more characters" in text


def test_values_are_text_and_never_markup(people: factories.People) -> None:
    definition = document(
        step("say", config={"message": EVIL}, name=EVIL),
        step("keep", "say", kind="transform", config={"value": EVIL}),
    )
    workflow = factories.make_workflow(people.acme, definition)
    execution = driving.drained(factories.start_execution(workflow, EVIL))
    assert EVIL not in text_of(browser(people.vera).get(page_of(execution)))


def test_the_policy_of_the_page_allows_nothing_inline(
    people: factories.People, workflow: Workflow
) -> None:
    response = browser(people.vera).get(page_of(factories.start_execution(workflow)))
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    text = text_of(response)
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick=" not in text
    assert text.count("<script") == text.count("<script src=")


def test_later_events_are_on_pages_of_their_own(
    people: factories.People, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.events.PAGE", 2)
    execution = driving.drained(factories.start_execution(workflow))
    client = browser(people.vera)
    text = text_of(client.get(page_of(execution)))
    assert 'id="event-3"' not in text
    assert 'href="?after=2#h-events"' in text
    assert 'id="event-3"' in text_of(client.get(f"{page_of(execution)}?after=2"))
    assert 'id="event-1"' in text_of(client.get(f"{page_of(execution)}?after=x"))


@pytest.mark.parametrize("address", ["", "?after=1"])
def test_a_stranger_sees_nothing(
    people: factories.People, workflow: Workflow, address: str
) -> None:
    execution = factories.start_execution(workflow)
    mallory = browser(people.mallory)
    assert mallory.get(f"{page_of(execution)}{address}").status_code == 404
    assert mallory.get(f"/t/globex/executions/{execution.id}/{address}").status_code == 404


def test_an_unknown_execution_is_not_there(people: factories.People) -> None:
    assert browser(people.vera).get(f"/t/acme/executions/{uuid.uuid4()}/").status_code == 404


def test_whoever_is_not_logged_in_is_asked_to(workflow: Workflow) -> None:
    execution = factories.start_execution(workflow)
    response = Client().get(page_of(execution))
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={page_of(execution)}"
