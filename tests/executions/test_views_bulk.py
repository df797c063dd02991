"""The page of verbs in bulk: first what it would do, then that and no more."""

from __future__ import annotations

import pytest

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import driving, standing
from tests.executions.browsing import browser, followed, hidden, newest, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


def test_bulk_shows_first_what_it_would_do(people: factories.People) -> None:
    failed = standing.failed(people.acme, "orders")
    standing.failed(people.acme)
    client, address = browser(people.otto), "/t/acme/executions/bulk/?workflow=orders"
    assert "bulk/?action=resume&amp;workflow=orders" in text_of(
        client.get("/t/acme/executions/?workflow=orders")
    )
    text = text_of(client.get(f"{address}&action=resume"))
    assert "<strong>1</strong> of 1" in text
    assert newest(people.acme).trigger_kind == "manual"
    assert "Resumed: 1." in followed(client.post(address, hidden(text), follow=True))
    assert newest(people.acme).origin_id == failed.id


def test_bulk_leaves_alone_what_came_after_the_preview(people: factories.People) -> None:
    execution, client = standing.approval(people.acme), browser(people.otto)
    text = text_of(client.get("/t/acme/executions/bulk/?action=cancel"))
    later = standing.approval(people.acme)
    client.post("/t/acme/executions/bulk/", hidden(text))
    assert driving.fresh(execution).status == "cancelled"
    assert driving.fresh(later).status == "waiting"


def test_bulk_goes_on_to_those_that_did_not_fit_and_no_further(
    people: factories.People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.services.bulk.MOST", 2)
    chosen = [standing.failed(people.acme).id for _ in range(5)]
    client, address = browser(people.otto), "/t/acme/executions/bulk/?action=replay"
    for more in (True, True, False):
        response = client.post(address, hidden(text_of(client.get(address))))
        address = response.headers["Location"]
        assert ("/bulk/" in address) is more
    with scope.tenant(people.acme.id):
        made = Execution.objects.filter(trigger_kind="replay").order_by("id")
        assert list(made.values_list("origin_id", flat=True)) == chosen


@pytest.mark.parametrize("query", ["", "?action=delete", "?action=cancel&status=odd"])
def test_bulk_without_a_sound_choice_goes_back_to_the_list(
    people: factories.People, query: str
) -> None:
    execution = standing.approval(people.acme)
    client = browser(people.otto)
    for response in (
        client.get(f"/t/acme/executions/bulk/{query}"),
        client.post(f"/t/acme/executions/bulk/{query}", {"action": "x"}),
    ):
        assert response.headers["Location"] == "/t/acme/executions/"
    assert driving.fresh(execution).status == "waiting"
