"""Running by hand on the page: a form of the input schema, one run a form, the version meant."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import driving
from tests.executions.browsing import browser, text_of
from tests.workflows.definitions import document, step
from workflows.definition import JSON
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/workflows/orders/run/"
SCHEMA: dict[str, JSON] = {
    "type": "object",
    "required": ["order_id"],
    "properties": {
        "order_id": {"type": "string", "title": "Order", "pattern": "^A"},
        "count": {"type": "integer", "minimum": 1, "default": 1},
        "gift": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "to": {
            "type": "object",
            "title": "Address",
            "properties": {"city": {"type": "string"}, "geo": {"type": "object"}},
        },
    },
}


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


@pytest.fixture
def orders(people: factories.People) -> Workflow:
    return factories.make_workflow(people.acme, of(SCHEMA), slug="orders")


def of(schema: dict[str, JSON]) -> dict[str, Any]:
    return document(step("a"), input=schema)


def hidden(text: str) -> dict[str, str]:
    """What the page's form carries unseen."""
    found = re.findall(r'type="hidden" name="(token|expected_version)" value="([^"]*)"', text)
    return dict(found)


def runs(workflow: Workflow) -> list[Execution]:
    with scope.tenant(workflow.tenant_id):
        return list(Execution.objects.filter(workflow=workflow).order_by("id"))


def test_the_form_shows_the_fields_of_the_schema(
    people: factories.People, orders: Workflow
) -> None:
    text = text_of(browser(people.otto).get(PAGE))
    for part in (
        ">Order<",
        "It must match ^A",
        'name="data-count" value="1"',
        'min="1"',
        "<legend>Address",
        "Add another",
        "Typed as JSON: the names in it are not fixed.",
        'href="?as=json"',
    ):
        assert part in text, part


def test_what_is_filled_in_is_the_runs_body(people: factories.People, orders: Workflow) -> None:
    otto = browser(people.otto)
    given = {
        **hidden(text_of(otto.get(PAGE))),
        "data-order_id": "A-7",
        "data-count": "2",
        "data-tags": ["x", "", "y"],
        "data-to/city": "Pune",
        "data-to/geo": '{"lat": 1}',
    }
    response = otto.post(PAGE, given)
    [execution] = runs(orders)
    assert response.headers["Location"] == f"/t/acme/executions/{execution.id}/"
    assert execution.trigger_kind == "manual"
    assert execution.trigger["body"] == {
        "order_id": "A-7",
        "count": 2,
        "gift": False,
        "tags": ["x", "y"],
        "to": {"city": "Pune", "geo": {"lat": 1}},
    }
    assert driving.events(execution)[0].message == "Started by otto@acme.example."


def test_errors_stand_at_their_fields_and_values_are_kept(
    people: factories.People, orders: Workflow
) -> None:
    given = {"data-order_id": "B-7", "data-count": "0", "data-to/city": "Pune", "data-to/geo": "{"}
    text = text_of(browser(people.otto).post(PAGE, given))
    assert "This is not JSON" in text
    given["data-to/geo"] = ""
    text = text_of(browser(people.otto).post(PAGE, given))
    order, count = (text.split(f'name="data-{name}"')[1] for name in ("order_id", "count"))
    assert "does not match" in order.split("</div>")[0]
    assert "minimum" in count.split("</div>")[0]
    for kept in ('value="B-7"', 'value="0"', 'value="Pune"'):
        assert kept in text
    assert runs(orders) == []


def test_a_missing_field_is_asked_for(people: factories.People, orders: Workflow) -> None:
    assert "This field is required." in text_of(browser(people.otto).post(PAGE, {}))


def test_a_form_that_is_sent_twice_starts_one_run(
    people: factories.People, orders: Workflow
) -> None:
    otto = browser(people.otto)
    given = {**hidden(text_of(otto.get(PAGE))), "data-order_id": "A-7"}
    first, second = otto.post(PAGE, given), otto.post(PAGE, given)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(runs(orders)) == 1


def test_one_that_was_changed_and_is_sent_again_says_so_and_then_starts_another(
    people: factories.People, orders: Workflow
) -> None:
    otto = browser(people.otto)
    given = {**hidden(text_of(otto.get(PAGE))), "data-order_id": "A-7"}
    otto.post(PAGE, given)
    text = text_of(otto.post(PAGE, {**given, "data-order_id": "A-8"}))
    assert "This form was sent already." in text
    assert 'value="A-8"' in text
    assert hidden(text)["token"] != given["token"]
    otto.post(PAGE, {**given, **hidden(text), "data-order_id": "A-8"})
    assert len(runs(orders)) == 2


def test_a_refused_form_may_be_sent_again_with_its_token(
    people: factories.People, orders: Workflow
) -> None:
    otto = browser(people.otto)
    given = hidden(text_of(otto.get(PAGE)))
    assert hidden(text_of(otto.post(PAGE, {**given, "data-order_id": "B"}))) == given
    assert otto.post(PAGE, {**given, "data-order_id": "A"}).status_code == 302


def test_a_version_that_was_published_meanwhile_is_to_be_looked_at(
    people: factories.People, orders: Workflow
) -> None:
    otto = browser(people.otto)
    given = {**hidden(text_of(otto.get(PAGE))), "data-order_id": "A-7"}
    assert given["expected_version"] == "1"
    wider: dict[str, Any] = copy.deepcopy(SCHEMA)
    wider["properties"]["why"] = {"type": "string"}
    factories.publish(orders, of(wider))
    text = text_of(otto.post(PAGE, given))
    assert "Version 2 is live, not version 1. It was published meanwhile: look again." in text
    assert 'name="data-why"' in text
    assert 'value="A-7"' in text
    assert runs(orders) == []
    assert hidden(text)["expected_version"] == "2"
    assert otto.post(PAGE, {**given, **hidden(text)}).status_code == 302


def test_another_row_is_a_button_without_script(people: factories.People, orders: Workflow) -> None:
    given = {"data-order_id": "B-7", "data-tags": ["x", ""], "more": "data-tags"}
    text = text_of(browser(people.otto).post(PAGE, given))
    assert text.count('name="data-tags"') == 3
    assert 'value="B-7"' in text
    assert 'role="alert"' not in text
    assert runs(orders) == []


def test_it_may_be_typed_in_as_json(people: factories.People, orders: Workflow) -> None:
    otto = browser(people.otto)
    address = f"{PAGE}?as=json"
    text = text_of(otto.get(address))
    assert "<textarea" in text
    assert "Fill in fields instead" in text
    wrong = text_of(otto.post(address, {**hidden(text), "body": '{"order_id": 7}'}))
    assert "order_id: " in wrong.split('role="alert"')[1].split("</div>")[0]
    given = {**hidden(text), "body": '{"order_id": "A", "more": 1}'}
    assert otto.post(address, given).status_code == 302
    assert runs(orders)[0].trigger["body"] == {"order_id": "A", "more": 1}


@pytest.mark.parametrize("sent", [{"token": "odd"}, {"expected_version": "0"}])
def test_a_form_that_is_not_ours_starts_nothing(
    people: factories.People, orders: Workflow, sent: dict[str, str]
) -> None:
    text = text_of(browser(people.otto).post(PAGE, {**sent, "data-order_id": "A"}))
    assert "not one of ours" in text
    assert runs(orders) == []


def test_another_tenants_and_a_viewers_forms_start_nothing(
    people: factories.People, orders: Workflow
) -> None:
    given = {"data-order_id": "A"}
    assert browser(people.vera).post(PAGE, given).status_code == 403
    assert browser(people.mallory).post(PAGE, given).status_code == 404
    assert runs(orders) == []
