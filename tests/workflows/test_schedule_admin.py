"""Schedules in the staff's admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from tenants import scope
from tenants.models import Tenant, User
from tests import factories
from tests.callers import PASSWORD
from workflows.models import Schedule, Workflow


@pytest.fixture
def staff(db: None) -> Client:
    User.objects.create_superuser("staff@stepwell.example", PASSWORD)
    client = Client()
    assert client.login(username="staff@stepwell.example", password=PASSWORD)
    return client


@pytest.fixture
def acme(db: None) -> Tenant:
    return factories.make_tenant("acme")


def values(workflow: Workflow, **given: str) -> dict[str, str]:
    return {
        "workflow": str(workflow.pk),
        "name": "Nightly",
        "cron": "30 2 * * *",
        "zone": "Europe/Paris",
        "input": "{}",
        "misfire": "once",
        "misfire_max": "10",
        "overlap": "skip",
        "jitter": "0",
        **given,
    }


def added(staff: Client, workflow: Workflow, **given: str) -> Any:
    return staff.post("/admin/workflows/schedule/add/", values(workflow, **given), follow=True)


def rows() -> list[Schedule]:
    with scope.operator("a test looks at schedules"):
        return list(Schedule.objects.order_by("id"))


def page(schedule: Schedule, name: str = "change") -> str:
    return f"/admin/workflows/schedule/{schedule.pk}/{name}/"


def test_a_schedule_is_made_and_shows_when_it_fires(staff: Client, acme: Tenant) -> None:
    added(staff, factories.make_workflow(acme))
    (schedule,) = rows()
    assert (schedule.tenant_id, schedule.overlap) == (acme.id, "skip")
    assert schedule.next_at is not None
    shown = staff.get(page(schedule)).content.decode()
    assert "At 02:30 every day" in shown
    assert shown.count("T02:30:00+0") + shown.count("T03:00:00+0") == 10


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cron": "99 * * * *"}, "is no minute. Give 0-59"),
        ({"zone": "Europe/Pariss"}, "is no IANA time zone"),
        ({"ends_at_0": "2020-01-01", "ends_at_1": "00:00"}, "It would end before its first slot."),
        ({"jitter": "3601"}, "less than or equal to 3600"),
        ({"misfire_max": "1001"}, "less than or equal to 1000"),
        ({"misfire_max": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_told_in_the_form(
    staff: Client, acme: Tenant, given: dict[str, str], told: str
) -> None:
    answer = added(staff, factories.make_workflow(acme), **given)
    assert told in answer.content.decode()
    assert rows() == []


def test_one_schedule_too_many_is_told_in_the_form(
    staff: Client, acme: Tenant, settings: LazySettings
) -> None:
    settings.MAX_SCHEDULES = 1
    workflow = factories.make_workflow(acme)
    factories.make_schedule(workflow)
    assert "1 schedules are active" in added(staff, workflow).content.decode()
    assert len(rows()) == 1


def test_a_schedule_is_changed(staff: Client, acme: Tenant) -> None:
    workflow = factories.make_workflow(acme)
    schedule = factories.make_schedule(workflow)
    staff.post(page(schedule), values(workflow, cron="0 12 * * *"))
    (changed,) = rows()
    assert (changed.cron, changed.next_at != schedule.next_at) == ("0 12 * * *", True)


def test_a_schedule_is_paused_and_resumed(staff: Client, acme: Tenant) -> None:
    schedule = factories.make_schedule(factories.make_workflow(acme))
    pause, resume = page(schedule, "pause"), page(schedule, "resume")
    assert b"until it is resumed" in staff.get(pause).content
    staff.post(pause)
    assert (rows()[0].paused, rows()[0].next_at) == (True, None)
    staff.post(resume)
    assert (rows()[0].paused, rows()[0].next_at is None) == (False, False)
