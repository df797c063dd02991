"""Schedules on a workflow's pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tests import factories
from workflows.models import Schedule

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

PAGE = "/t/acme/workflows/orders/schedules/"
GIVEN = {
    "name": "Mornings",
    "cron": "30 9 * * 1-5",
    "zone": "Europe/Paris",
    "input": '{"region": "eu"}',
    "overlap": "skip",
    "misfire": "once",
}


@pytest.fixture
def people() -> factories.People:
    people = factories.make_people()
    factories.make_workflow(people.acme, slug="orders")
    return people


@pytest.fixture
def client(people: factories.People) -> Client:
    client = Client()
    client.force_login(people.ed)
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def kept(people: factories.People) -> list[Schedule]:
    with scope.tenant(people.acme.id):
        return list(Schedule.objects.all())


def test_a_schedule_is_made_and_shown(people: factories.People, client: Client) -> None:
    assert f'href="{PAGE}"' in text_of(client.get("/t/acme/workflows/orders/"))
    text = text_of(client.post(PAGE, GIVEN, follow=True))
    assert "Mornings is made." in text
    assert "At 09:30 on Monday through Friday, Europe/Paris." in text
    [made] = kept(people)
    assert (made.cron, made.zone, made.overlap) == ("30 9 * * 1-5", "Europe/Paris", "skip")
    assert made.input == {"region": "eu"}
    assert f'href="{PAGE}{made.id}/"' in text_of(client.get(PAGE))
    assert f'href="{PAGE}{made.id}/"' in text_of(client.get("/t/acme/workflows/orders/"))


def test_when_it_would_fire_is_shown_without_making_it(
    people: factories.People, client: Client
) -> None:
    text = text_of(client.post(PAGE, GIVEN | {"preview": "1"}))
    assert "At 09:30 on Monday through Friday." in text
    assert len(re.findall(r"09:30 \(\+0[12]00\)", text)) == 10
    assert 'value="Mornings"' in text
    assert kept(people) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cron": "61 * * * *"}, "minute"),
        ({"cron": "0 0 31 2 *"}, "never"),
        ({"zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"input": "{"}, "line 1"),
        ({"overlap": "perhaps"}, "Select a valid choice"),
    ],
)
@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
def test_what_cannot_be_is_told_at_its_field(
    people: factories.People,
    client: Client,
    wrong: dict[str, str],
    said: str,
    button: dict[str, str],
) -> None:
    text = text_of(client.post(PAGE, GIVEN | wrong | button))
    assert 'role="alert"' in text
    assert said in text
    assert kept(people) == []


def test_it_is_changed_paused_resumed_and_deleted(people: factories.People, client: Client) -> None:
    client.post(PAGE, GIVEN)
    [made] = kept(people)
    page = f"{PAGE}{made.id}/"
    assert "&quot;region&quot;: &quot;eu&quot;" in text_of(client.get(page))
    text = text_of(client.post(page, GIVEN | {"cron": "0 6 * * *"}, follow=True))
    assert "Saved." in text
    assert "At 06:00" in text
    assert "is paused." in text_of(client.post(page, {"action": "pause"}, follow=True))
    assert kept(people)[0].paused
    assert "It does not fire." in text_of(client.get(page))
    assert "is resumed." in text_of(client.post(page, {"action": "resume"}, follow=True))
    assert "is deleted." in text_of(client.post(page, {"action": "delete"}, follow=True))
    assert kept(people) == []


def test_one_of_another_workflow_or_tenant_is_not_there(
    people: factories.People, client: Client
) -> None:
    other = factories.make_schedule(factories.make_workflow(people.acme, slug="other"))
    theirs = factories.make_schedule(factories.make_workflow(people.globex, slug="orders"))
    for ident in (other.id, theirs.id):
        for answer in (
            client.get(f"{PAGE}{ident}/"),
            client.post(f"{PAGE}{ident}/", {"action": "delete"}),
        ):
            assert answer.status_code == 404
    assert client.post("/t/acme/workflows/nothing/schedules/", GIVEN).status_code == 404


def test_whoever_may_not_edit_only_looks(people: factories.People, client: Client) -> None:
    client.post(PAGE, GIVEN)
    [made] = kept(people)
    client.force_login(people.otto)
    for page in (PAGE, f"{PAGE}{made.id}/"):
        text = text_of(client.get(page))
        assert "Mornings" in text
        assert "<button" not in text.partition("<main")[2]
        assert client.post(page, GIVEN).status_code == 403
