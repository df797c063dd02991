"""Schedules on a workflow's pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tenants import scope
from tests import factories
from workflows.models import Schedule, Workflow

pytestmark = pytest.mark.django_db

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


LIMITED = {
    "jitter": "60",
    "starts_at": "2031-01-06T09:00",
    "ends_at": "2031-01-08T09:30",
}


def test_jitter_start_and_end_are_given_in_the_schedules_zone(
    people: factories.People, client: Client
) -> None:
    assert "which is UTC unless you change it above" in text_of(client.get(PAGE))
    text = text_of(client.post(PAGE, GIVEN | LIMITED, follow=True))
    [made] = kept(people)
    assert made.jitter == 60
    assert made.starts_at == datetime(2031, 1, 6, 8, tzinfo=UTC)
    assert made.ends_at == datetime(2031, 1, 8, 8, 30, tzinfo=UTC)
    assert "From <time" in text
    assert "6 Jan 2031 09:00 (+0100)</time>" in text
    assert "8 Jan 2031 09:30 (+0100)</time>" in text
    assert "Each slot fires up to 60 seconds later." in text
    assert "which is Europe/Paris unless you change it above" in text
    assert '<details class="more" open>' in text
    for value in ("60", "2031-01-06T09:00:00", "2031-01-08T09:30:00"):
        assert f'value="{value}"' in text
    # A page shows exactly when each fires.
    assert len(re.findall(r"09:30 \(\+0100\)</time> <span[^>]*>fires at 09:3[01]:", text)) <= 3
    assert len(re.findall(r"Jan 2031 09:30 \(\+0100\)</time>(?!\.)", text)) == 3


def test_what_is_folded_away_may_be_left_out(people: factories.People, client: Client) -> None:
    assert '<details class="more">' in text_of(client.get(PAGE))
    client.post(PAGE, GIVEN | {"jitter": "", "starts_at": "", "ends_at": ""})
    [made] = kept(people)
    assert (made.jitter, made.starts_at, made.ends_at) == (0, None, None)
    assert '<details class="more">' in text_of(client.get(f"{PAGE}{made.id}/"))
    client.post(f"{PAGE}{made.id}/", GIVEN | LIMITED)
    assert kept(people)[0].starts_at is not None
    client.post(f"{PAGE}{made.id}/", GIVEN)
    assert kept(people)[0].starts_at is None


def test_a_preview_minds_jitter_start_and_end(people: factories.People, client: Client) -> None:
    text = text_of(client.post(PAGE, GIVEN | LIMITED | {"preview": "1"}))
    days = re.findall(r"(\w+ \d+ Jan 2031) 09:30 \(\+0100\)", text)
    assert days == ["Mon 6 Jan 2031", "Tue 7 Jan 2031", "Wed 8 Jan 2031"]
    assert "or up to 60 seconds later" in text
    assert 'value="2031-01-06T09:00"' in text
    client.post(PAGE, GIVEN)
    [made] = kept(people)
    page = f"{PAGE}{made.id}/"
    text = text_of(client.post(page, GIVEN | LIMITED | {"preview": "1"}))
    fires = re.findall(r"Jan 2031 09:30 \(\+0100\)</time> <span[^>]*>fires at (\S+)<", text)
    client.post(page, GIVEN | LIMITED)
    text = text_of(client.get(page))
    assert fires == re.findall(r"09:30 \(\+0100\)</time> <span[^>]*>fires at (\S+)<", text)
    assert fires
    over = {"ends_at": "2020-01-01T00:00", "preview": "1"}
    assert "It would not fire" in text_of(client.post(page, GIVEN | over))


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("jitter", {"jitter": "3601"}, "less than or equal to 3600"),
        ("jitter", {"jitter": "-1"}, "greater than or equal to 0"),
        ("jitter", {"jitter": "soon"}, "whole number"),
        ("starts_at", {"starts_at": "tomorrow"}, "such as 2030-01-31T09:30"),
        ("starts_at", {"starts_at": "2031-02-30T00:00"}, "such as 2030-01-31T09:30"),
        ("starts_at", {"starts_at": "2031-01-01T00:00Z"}, "without a time zone"),
        ("starts_at", {"starts_at": "2031-01-01T00:00\x00"}, "Null characters"),
        ("starts_at", {"starts_at": "0001-01-01T00:00"}, "from 2 to 9998"),
        ("starts_at", {"starts_at": "2091-01-01T00:00"}, "in ten years at the latest"),
        ("starts_at", {"starts_at": "2031-03-30T02:30"}, "The next that does is 2031-03-30 03:00."),
        ("ends_at", {"ends_at": "x" * 5000}, "such as 2030-01-31T09:30"),
        ("ends_at", {"ends_at": "2031-03-30T02:00"}, "Clocks in Europe/Paris go forward over this"),
        ("ends_at", {"ends_at": "2020-01-01T00:00"}, "It would end before its first slot."),
        (
            "ends_at",
            {"starts_at": "2031-01-02T00:00", "ends_at": "2031-01-02T00:00"},
            "It must end after it starts.",
        ),
        (
            "ends_at",
            {"zone": "America/New_York", "ends_at": "9999-12-31T23:59"},
            "from 2 to 9998",
        ),
    ],
)
@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
def test_what_is_wrong_with_jitter_start_and_end_is_told_beside_it(
    people: factories.People,
    client: Client,
    name: str,
    wrong: dict[str, str],
    said: str,
    button: dict[str, str],
) -> None:
    text = text_of(client.post(PAGE, GIVEN | wrong | button))
    [told] = re.findall(r'<p class="wrong" id="(\w+)_error" role="alert">([^<]*)</p>', text)
    assert told[0] == f"id_{name}"
    assert said in told[1]
    assert '<details class="more" open>' in text
    assert kept(people) == []


def test_a_time_that_clocks_show_twice_is_the_first(
    people: factories.People, client: Client
) -> None:
    client.post(PAGE, GIVEN | {"starts_at": "2031-10-26T02:30"})
    assert kept(people)[0].starts_at == datetime(2031, 10, 26, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "stored",
    [
        datetime(2031, 10, 26, 1, 30, 59, tzinfo=UTC),  # the second 02:30:59 of the night
        datetime(2031, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    ],
)
def test_whoever_changes_something_else_does_not_move_the_end(
    people: factories.People, client: Client, stored: datetime
) -> None:
    with scope.tenant(people.acme.id):
        workflow = Workflow.objects.get(slug="orders")
    made = factories.make_schedule(workflow, zone="Europe/Paris", ends_at=stored)
    page = f"{PAGE}{made.id}/"
    text = text_of(client.get(page))
    [shown] = re.findall(r'<input[^>]* name="ends_at"[^>]* value="([^"]+)"', text)
    sent = shown.removesuffix(":00")  # as browsers do
    text = text_of(client.post(page, GIVEN | {"ends_at": sent}, follow=True))
    assert "Saved." in text
    assert kept(people)[0].ends_at == stored


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
