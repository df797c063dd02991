"""Starting a run by hand."""

from __future__ import annotations

import pytest

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import driving
from tests.executions.browsing import browser, page_of, text_of
from tests.workflows.definitions import document, step
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def workflow(people: factories.People) -> Workflow:
    return factories.make_workflow(people.acme, slug="orders")


def test_an_operator_starts_a_run_by_hand(people: factories.People, workflow: Workflow) -> None:
    response = browser(people.otto).post("/t/acme/workflows/orders/run/", {"body": '{"n": 1}'})
    with scope.tenant(people.acme.id):
        execution = Execution.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == page_of(execution)
    assert execution.trigger_kind == "manual"
    assert execution.trigger["body"] == {"n": 1}
    assert driving.events(execution)[0].message == "Started by otto@acme.example."


def test_a_viewer_may_not_start_anything(people: factories.People, workflow: Workflow) -> None:
    vera = browser(people.vera)
    assert vera.get("/t/acme/workflows/orders/run/").status_code == 403
    assert vera.post("/t/acme/workflows/orders/run/", {"body": "{}"}).status_code == 403
    with scope.tenant(people.acme.id):
        assert not Execution.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "NaN",
        '{"a": Infinity}',
        "[" * 100_000,
        "[" * 99 + "]" * 99,
        r'"\u0000"',
        "1" * 9999,
    ],
)
def test_what_is_not_json_starts_nothing(
    people: factories.People, workflow: Workflow, body: str
) -> None:
    response = browser(people.otto).post("/t/acme/workflows/orders/run/", {"body": body})
    assert 'role="alert"' in text_of(response)
    with scope.tenant(people.acme.id):
        assert not Execution.objects.exists()


def test_a_body_that_the_input_schema_refuses_is_told_why(people: factories.People) -> None:
    schema = {"type": "object", "required": ["order_id"]}
    factories.make_workflow(people.acme, document(step("a"), input=schema), slug="strict")
    response = browser(people.otto).post("/t/acme/workflows/strict/run/", {"body": "{}"})
    text = text_of(response)
    assert "order_id" in text.split('role="alert"')[1].split("</div>")[0]
    assert "&quot;required&quot;" in text  # the schema itself is there to read


def test_a_draft_cannot_be_run(people: factories.People) -> None:
    factories.make_draft(people.acme, slug="idea")
    otto = browser(people.otto)
    assert "never published" in text_of(otto.get("/t/acme/workflows/idea/run/"))
    text_of(otto.post("/t/acme/workflows/idea/run/", {"body": "{}"}))
    with scope.tenant(people.acme.id):
        assert not Execution.objects.exists()
